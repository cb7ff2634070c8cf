package interop;

import java.util.TreeSet;
import org.apache.shardingsphere.elasticjob.infra.listener.ElasticJobListener;
import org.apache.shardingsphere.elasticjob.infra.listener.ShardingContexts;

/** Tells when ElasticJob calls its listeners. */
public final class ReportingListener implements ElasticJobListener {
    @Override
    public void beforeJobExecuted(final ShardingContexts contexts) {
        tell("before", contexts);
    }

    @Override
    public void afterJobExecuted(final ShardingContexts contexts) {
        tell("after", contexts);
    }

    @Override
    public String getType() {
        return "REPORTING";
    }

    private static void tell(final String kind, final ShardingContexts contexts) {
        Output.tell(kind, "job", contexts.getJobName(), "items", new TreeSet<>(contexts.getShardingItemParameters().keySet()));
    }
}
