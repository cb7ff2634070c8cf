package interop;

import com.google.gson.JsonObject;
import java.io.IOException;
import org.apache.shardingsphere.elasticjob.infra.pojo.JobConfigurationPOJO;
import org.apache.shardingsphere.elasticjob.infra.yaml.YamlEngine;
import org.apache.shardingsphere.elasticjob.lite.lifecycle.api.JobAPIFactory;
import org.apache.shardingsphere.elasticjob.lite.lifecycle.api.JobConfigurationAPI;
import org.apache.shardingsphere.elasticjob.lite.lifecycle.api.JobOperateAPI;
import org.apache.shardingsphere.elasticjob.lite.lifecycle.api.JobStatisticsAPI;
import org.apache.shardingsphere.elasticjob.lite.lifecycle.api.ServerStatisticsAPI;
import org.apache.shardingsphere.elasticjob.lite.lifecycle.api.ShardingOperateAPI;
import org.apache.shardingsphere.elasticjob.lite.lifecycle.api.ShardingStatisticsAPI;

/** ElasticJob's lifecycle API, which its console is made of, on a session of its own. */
final class Lifecycle {
    private final JobOperateAPI jobs;

    private final ShardingOperateAPI items;

    private final JobConfigurationAPI configurations;

    private final JobStatisticsAPI jobStatistics;

    private final ServerStatisticsAPI serverStatistics;

    private final ShardingStatisticsAPI itemStatistics;

    Lifecycle(final Settings settings) {
        String connect = settings.connectString();
        String namespace = settings.namespace();
        String digest = settings.digest();
        jobs = JobAPIFactory.createJobOperateAPI(connect, namespace, digest);
        items = JobAPIFactory.createShardingOperateAPI(connect, namespace, digest);
        configurations = JobAPIFactory.createJobConfigurationAPI(connect, namespace, digest);
        jobStatistics = JobAPIFactory.createJobStatisticsAPI(connect, namespace, digest);
        serverStatistics = JobAPIFactory.createServerStatisticsAPI(connect, namespace, digest);
        itemStatistics = JobAPIFactory.createShardingStatisticsAPI(connect, namespace, digest);
    }

    /** Calls the method of this name. Returns what it returns, as JSON can tell it. */
    Object call(final String method, final JsonObject arguments) throws IOException {
        String job = text(arguments, "job");
        String ip = text(arguments, "ip");
        String item = text(arguments, "item");
        switch (method) {
            case "trigger" -> jobs.trigger(job);
            case "disable" -> jobs.disable(job, ip);
            case "enable" -> jobs.enable(job, ip);
            case "shutdown" -> jobs.shutdown(job, ip);
            case "remove" -> jobs.remove(job, ip);
            case "dump" -> {
                return jobs.dump(job, ip, arguments.get("port").getAsInt());
            }
            case "disableItem" -> items.disable(job, item);
            case "enableItem" -> items.enable(job, item);
            case "getJobConfiguration" -> {
                return configuration(configurations.getJobConfiguration(job));
            }
            case "updateJobConfiguration" -> update(job, arguments.getAsJsonObject("changes"));
            case "removeJobConfiguration" -> configurations.removeJobConfiguration(job);
            case "getJobBriefInfo" -> {
                return jobStatistics.getJobBriefInfo(job);
            }
            case "getAllJobsBriefInfo" -> {
                return jobStatistics.getAllJobsBriefInfo();
            }
            case "getAllServersBriefInfo" -> {
                return serverStatistics.getAllServersBriefInfo();
            }
            case "getShardingInfo" -> {
                return itemStatistics.getShardingInfo(job);
            }
            default -> throw new IllegalArgumentException("the lifecycle API has no method " + method);
        }
        return null;
    }

    /** As Java read it, written once more: what has a class of its own, such as tracing, stays recognisable. */
    private static Object configuration(final JobConfigurationPOJO read) {
        return read == null ? null : YamlEngine.marshal(read);
    }

    /** Reads, changes and stores it, as the console does. */
    private void update(final String job, final JsonObject changes) {
        JobConfigurationPOJO configuration = configurations.getJobConfiguration(job);
        Options.apply(configuration, changes);
        configurations.updateJobConfiguration(configuration);
    }

    private static String text(final JsonObject arguments, final String name) {
        return arguments.has(name) && !arguments.get(name).isJsonNull() ? arguments.get(name).getAsString() : null;
    }
}
