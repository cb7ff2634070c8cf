package interop;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Map.Entry;
import java.util.Optional;
import java.util.Set;
import javax.sql.DataSource;
import org.apache.shardingsphere.elasticjob.api.JobConfiguration;
import org.apache.shardingsphere.elasticjob.infra.pojo.JobConfigurationPOJO;
import org.apache.shardingsphere.elasticjob.tracing.api.TracingConfiguration;

/** Options of a job as a test writes them, by ElasticJob's names. */
final class Options {
    private static final Set<String> APART = Set.of("jobName", "shardingTotalCount", "props", "tracing");

    private Options() {
    }

    /** The configuration that a Java program makes with the builder. */
    static JobConfiguration configuration(final JsonObject options, final Optional<TracingConfiguration<DataSource>> tracing) {
        JobConfiguration.Builder builder = JobConfiguration.newBuilder(options.get("jobName").getAsString(), options.get("shardingTotalCount").getAsInt());
        for (Entry<String, JsonElement> each : options.entrySet()) {
            if (!APART.contains(each.getKey())) {
                call(builder, each.getKey(), each.getValue());
            }
        }
        if (options.has("props")) {
            options.getAsJsonObject("props").entrySet().forEach(each -> builder.setProperty(each.getKey(), each.getValue().getAsString()));
        }
        tracing.ifPresent(builder::addExtraConfigurations);
        return builder.build();
    }

    /** Changes some options of a stored configuration. */
    static void apply(final JobConfigurationPOJO configuration, final JsonObject changes) {
        for (Entry<String, JsonElement> each : changes.entrySet()) {
            String name = each.getKey();
            call(configuration, "set" + Character.toUpperCase(name.charAt(0)) + name.substring(1), each.getValue());
        }
    }

    private static void call(final Object target, final String name, final JsonElement value) {
        Method method = Arrays.stream(target.getClass().getMethods()).filter(each -> each.getName().equals(name) && each.getParameterCount() == 1).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("ElasticJob has no option " + name));
        try {
            method.invoke(target, (Object) Output.GSON.fromJson(value, method.getGenericParameterTypes()[0]));
        } catch (final ReflectiveOperationException ex) {
            throw new IllegalArgumentException("option " + name, ex);
        }
    }
}
