package interop;

import java.util.Set;
import java.util.concurrent.CountDownLatch;

/**
 * What the handler of a job does with an item: works for some time, then waits until it is released if it is to be held,
 * and fails for some items.
 */
final class Behaviour {
    private final long sleepMs;

    private final Set<Integer> failingItems;

    private final CountDownLatch held;

    Behaviour(final long sleepMs, final Set<Integer> failingItems, final boolean hold) {
        this.sleepMs = sleepMs;
        this.failingItems = failingItems;
        held = new CountDownLatch(hold ? 1 : 0);
    }

    /** Does the work of one item. */
    void work(final int item) throws InterruptedException {
        Thread.sleep(sleepMs);
        held.await();
        if (failingItems.contains(item)) {
            throw new IllegalStateException("item " + item + " was told to fail");
        }
    }

    /** Lets everything go on that is held. */
    void release() {
        held.countDown();
    }
}
