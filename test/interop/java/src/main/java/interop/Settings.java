package interop;

import java.lang.reflect.Field;
import org.apache.shardingsphere.elasticjob.infra.env.IpUtils;

/**
 * What the process is started with, as its only argument.
 *
 * @param connectString servers of ZooKeeper
 * @param namespace namespace of all jobs
 * @param ip address under which the instance appears, {@code null} for that of the machine
 * @param sessionTimeoutMs what to ask the server for
 * @param digest credentials, {@code null} for none
 */
record Settings(String connectString, String namespace, String ip, int sessionTimeoutMs, String digest) {
    static Settings parse(final String text) {
        return Output.GSON.fromJson(text, Settings.class);
    }

    /** Several members of one machine can appear as several servers; ElasticJob has no option for it. */
    void assumeAddress() throws ReflectiveOperationException {
        if (ip == null) {
            return;
        }
        Field cached = IpUtils.class.getDeclaredField("cachedIpAddress");
        cached.setAccessible(true);
        cached.set(null, ip);
    }
}
