package interop;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.zaxxer.hikari.HikariDataSource;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import javax.sql.DataSource;
import org.apache.shardingsphere.elasticjob.api.JobConfiguration;
import org.apache.shardingsphere.elasticjob.lite.api.bootstrap.impl.OneOffJobBootstrap;
import org.apache.shardingsphere.elasticjob.lite.api.bootstrap.impl.ScheduleJobBootstrap;
import org.apache.shardingsphere.elasticjob.reg.base.CoordinatorRegistryCenter;
import org.apache.shardingsphere.elasticjob.tracing.api.TracingConfiguration;

/** The jobs that this process takes part in. */
final class Jobs {
    private final CoordinatorRegistryCenter center;

    private final Map<String, ScheduleJobBootstrap> scheduled = new ConcurrentHashMap<>();

    private final Map<String, OneOffJobBootstrap> oneOff = new ConcurrentHashMap<>();

    Jobs(final CoordinatorRegistryCenter center) {
        this.center = center;
    }

    /** Starts a job by its options, which have ElasticJob's names; without {@code cron} it runs only when asked to. */
    void start(final JsonObject options) {
        JobConfiguration configuration = Options.configuration(options, tracing(options));
        String name = configuration.getJobName();
        if (options.has("cron")) {
            ScheduleJobBootstrap job = new ScheduleJobBootstrap(center, new ReportingJob(), configuration);
            scheduled.put(name, job);
            job.schedule();
        } else {
            oneOff.put(name, new OneOffJobBootstrap(center, new ReportingJob(), configuration));
        }
    }

    /** Runs a job without cron once, everywhere. */
    void execute(final String name) {
        oneOff.get(name).execute();
    }

    void shutdown(final String name) {
        Optional.ofNullable(scheduled.remove(name)).ifPresent(ScheduleJobBootstrap::shutdown);
        Optional.ofNullable(oneOff.remove(name)).ifPresent(OneOffJobBootstrap::shutdown);
    }

    /** Event tracing into a database of this process, whose address is the value of the option {@code tracing}. */
    private static Optional<TracingConfiguration<DataSource>> tracing(final JsonObject options) {
        JsonElement url = options.get("tracing");
        if (url == null) {
            return Optional.empty();
        }
        HikariDataSource database = new HikariDataSource();
        database.setDriverClassName("org.h2.Driver");
        database.setJdbcUrl(url.getAsString());
        database.setUsername("sa");
        database.setPassword("");
        return Optional.of(new TracingConfiguration<>("RDB", database));
    }
}
