package golden;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.apache.shardingsphere.elasticjob.api.JobConfiguration;
import org.apache.shardingsphere.elasticjob.infra.handler.sharding.JobInstance;
import org.apache.shardingsphere.elasticjob.infra.pojo.JobConfigurationPOJO;
import org.apache.shardingsphere.elasticjob.infra.yaml.YamlEngine;

/** Reads cases.json, writes what Java stores for each job, and what Java understands of each text. */
public final class Golden {
    private static final Gson GSON = new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().serializeNulls().create();

    private static final String[] FLAGS = {"monitorExecution", "failover", "misfire", "disabled", "overwrite", "staticSharding"};

    public static void main(final String[] args) throws Exception {
        JsonObject cases = JsonParser.parseString(Files.readString(Path.of("cases.json"))).getAsJsonObject();
        JsonObject golden = new JsonObject();
        golden.add("jobs", jobs(cases.getAsJsonArray("jobs")));
        golden.add("instances", instances(cases.getAsJsonArray("instances")));
        golden.add("texts", texts(cases.getAsJsonArray("texts")));
        String target = "../../packages/core/src/coordination/job-yaml.golden.json";
        Files.write(Path.of(target), (GSON.toJson(golden) + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private static JsonArray jobs(final JsonArray cases) throws Exception {
        JsonArray result = new JsonArray();
        for (JsonElement each : cases) {
            JsonObject options = each.getAsJsonObject();
            String yaml = YamlEngine.marshal(fill(new JobBean(), options));
            if (!options.has("jobExecutorThreadPoolSizeProviderType")) {
                String original = YamlEngine.marshal(fill(preset(new JobConfigurationPOJO()), options));
                if (!yaml.equals(original)) {
                    throw new IllegalStateException("the bean differs from ElasticJob's own:\n" + original + yaml);
                }
            }
            result.add(pair("options", options, "yaml", GSON.toJsonTree(yaml)));
        }
        return result;
    }

    private static JobConfigurationPOJO preset(final JobConfigurationPOJO pojo) {
        pojo.setMonitorExecution(true);
        pojo.setMisfire(true);
        pojo.setReconcileIntervalMinutes(10);
        pojo.setShardingItemParameters("");
        pojo.setJobParameter("");
        pojo.setDescription("");
        return pojo;
    }

    private static <T> T fill(final T bean, final JsonObject options) throws Exception {
        for (Map.Entry<String, JsonElement> each : options.entrySet()) {
            if ("props".equals(each.getKey())) {
                java.util.Properties props = new java.util.Properties();
                each.getValue().getAsJsonObject().entrySet().forEach(it -> props.setProperty(it.getKey(), it.getValue().getAsString()));
                setter(bean, "props").invoke(bean, props);
                continue;
            }
            Method setter = setter(bean, each.getKey());
            setter.invoke(bean, (Object) GSON.fromJson(each.getValue(), setter.getParameterTypes()[0]));
        }
        return bean;
    }

    private static Method setter(final Object bean, final String field) {
        String name = "set" + Character.toUpperCase(field.charAt(0)) + field.substring(1);
        return Arrays.stream(bean.getClass().getMethods()).filter(it -> it.getName().equals(name)).findFirst().orElseThrow();
    }

    private static JsonArray instances(final JsonArray cases) {
        JsonArray result = new JsonArray();
        for (JsonElement each : cases) {
            JsonObject given = each.getAsJsonObject();
            JobInstance instance = new JobInstance();
            instance.setJobInstanceId(given.get("instanceId").getAsString());
            instance.setServerIp(given.get("serverIp").getAsString());
            if (!given.get("labels").isJsonNull()) {
                instance.setLabels(given.get("labels").getAsString());
            }
            result.add(pair("instance", given, "yaml", GSON.toJsonTree(YamlEngine.marshal(instance))));
        }
        return result;
    }

    private static JsonArray texts(final JsonArray cases) {
        JsonArray result = new JsonArray();
        for (JsonElement each : cases) {
            result.add(pair("yaml", each, "read", read(each.getAsString())));
        }
        return result;
    }

    private static JsonElement read(final String yaml) {
        try {
            return describe(YamlEngine.unmarshal(yaml, JobConfigurationPOJO.class).toJobConfiguration());
        } catch (final Exception | Error ex) {
            return GSON.toJsonTree(ex.getClass().getSimpleName());
        }
    }

    private static JsonElement describe(final JobConfiguration job) throws Exception {
        JsonObject result = new JsonObject();
        for (String each : new String[] {"jobName", "cron", "timeZone", "shardingTotalCount", "shardingItemParameters",
            "jobParameter", "maxTimeDiffSeconds", "reconcileIntervalMinutes", "jobShardingStrategyType",
            "jobErrorHandlerType", "jobListenerTypes", "description", "label", "props"}) {
            result.add(each, GSON.toJsonTree(getter(job, "get", each)));
        }
        for (String each : FLAGS) {
            result.add(each, GSON.toJsonTree(getter(job, "is", each)));
        }
        return result;
    }

    private static Object getter(final JobConfiguration job, final String prefix, final String field) throws Exception {
        return job.getClass().getMethod(prefix + Character.toUpperCase(field.charAt(0)) + field.substring(1)).invoke(job);
    }

    private static JsonObject pair(final String key, final JsonElement value, final String other, final JsonElement otherValue) {
        JsonObject result = new JsonObject();
        result.add(key, value);
        result.add(other, otherValue);
        return result;
    }
}
