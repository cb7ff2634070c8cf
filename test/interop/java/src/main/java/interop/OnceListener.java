package interop;

import org.apache.shardingsphere.elasticjob.infra.listener.ShardingContexts;
import org.apache.shardingsphere.elasticjob.lite.api.listener.AbstractDistributeOnceElasticJobListener;

/** Tells when ElasticJob calls what is to happen once for all instances together. */
public final class OnceListener extends AbstractDistributeOnceElasticJobListener {
    private static final long TIMEOUT_MS = 10_000;

    public OnceListener() {
        super(TIMEOUT_MS, TIMEOUT_MS);
    }

    @Override
    public void doBeforeJobExecutedAtLastStarted(final ShardingContexts contexts) {
        Output.tell("once-before", "job", contexts.getJobName());
    }

    @Override
    public void doAfterJobExecutedAtLastCompleted(final ShardingContexts contexts) {
        Output.tell("once-after", "job", contexts.getJobName());
    }

    @Override
    public String getType() {
        return "ONCE";
    }
}
