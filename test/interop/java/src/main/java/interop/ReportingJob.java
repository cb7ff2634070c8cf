package interop;

import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.shardingsphere.elasticjob.api.ShardingContext;
import org.apache.shardingsphere.elasticjob.simple.job.SimpleJob;

/** The job of all tests: tells when an item begins and ends, and behaves as it was told in between. */
public final class ReportingJob implements SimpleJob {
    private static final Map<String, Behaviour> BEHAVIOURS = new ConcurrentHashMap<>();

    private static final Behaviour QUICK = new Behaviour(0, Set.of(), false);

    /** Changes what the handler of a job does from its next call on; calls under way that are held go on. */
    static void behave(final String job, final Behaviour behaviour) {
        release(job);
        BEHAVIOURS.put(job, behaviour);
    }

    static void release(final String job) {
        BEHAVIOURS.getOrDefault(job, QUICK).release();
    }

    @Override
    public void execute(final ShardingContext context) {
        int item = context.getShardingItem();
        Behaviour behaviour = BEHAVIOURS.getOrDefault(context.getJobName(), QUICK);
        tell("begin", context, null);
        String outcome = "interrupted";
        try {
            behaviour.work(item);
            outcome = "done";
        } catch (final InterruptedException ex) {
            Thread.currentThread().interrupt();
        } catch (final IllegalStateException ex) {
            outcome = "failed";
            throw ex;
        } finally {
            tell("end", context, outcome);
        }
    }

    private static void tell(final String kind, final ShardingContext context, final String outcome) {
        Output.tell(kind, "job", context.getJobName(), "item", context.getShardingItem(), "parameter", context.getShardingParameter(),
                "jobParameter", context.getJobParameter(), "taskId", context.getTaskId(), "thread", Thread.currentThread().getName(), "outcome", outcome);
    }
}
