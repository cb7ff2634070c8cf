package interop;

import com.google.common.util.concurrent.Uninterruptibles;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import org.apache.curator.framework.CuratorFramework;
import org.apache.shardingsphere.elasticjob.reg.zookeeper.ZookeeperConfiguration;
import org.apache.shardingsphere.elasticjob.reg.zookeeper.ZookeeperRegistryCenter;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;

/** The member's session with ZooKeeper, and what a test does to it. */
final class Connection {
    private final Settings settings;

    private final ZookeeperRegistryCenter center;

    private final Map<String, CountDownLatch> heldLatches = new ConcurrentHashMap<>();

    Connection(final Settings settings) {
        this.settings = settings;
        ZookeeperConfiguration configuration = new ZookeeperConfiguration(settings.connectString(), settings.namespace());
        configuration.setSessionTimeoutMilliseconds(settings.sessionTimeoutMs());
        configuration.setConnectionTimeoutMilliseconds(settings.sessionTimeoutMs());
        configuration.setBaseSleepTimeMilliseconds(100);
        configuration.setMaxSleepTimeMilliseconds(5_000);
        configuration.setDigest(settings.digest());
        center = new ZookeeperRegistryCenter(configuration);
        center.init();
        client().getConnectionStateListenable().addListener((curator, state) -> Output.tell("connection", "state", state.name()));
    }

    ZookeeperRegistryCenter center() {
        return center;
    }

    String sessionId() throws Exception {
        return Long.toUnsignedString(client().getZookeeperClient().getZooKeeper().getSessionId());
    }

    /** Ends the session as a server does that has not heard of it for too long: by a second connection to it that closes. */
    void expire() throws Exception {
        ZooKeeper own = client().getZookeeperClient().getZooKeeper();
        CountDownLatch connected = new CountDownLatch(1);
        ZooKeeper second = new ZooKeeper(settings.connectString(), settings.sessionTimeoutMs(), event -> {
            if (event.getState() == KeeperState.SyncConnected) {
                connected.countDown();
            }
        }, own.getSessionId(), own.getSessionPasswd());
        connected.await();
        second.close();
    }

    /** Waits for a latch as ElasticJob does, and holds it until {@link #leaveLatch}. Returns once it is held. */
    void enterLatch(final String path) throws InterruptedException {
        CountDownLatch released = new CountDownLatch(1);
        heldLatches.put(path, released);
        CountDownLatch entered = new CountDownLatch(1);
        Thread holder = new Thread(() -> center.executeInLeader(path, () -> {
            entered.countDown();
            Uninterruptibles.awaitUninterruptibly(released);
        }), "latch " + path);
        holder.setDaemon(true);
        holder.start();
        entered.await();
    }

    void leaveLatch(final String path) {
        heldLatches.remove(path).countDown();
    }

    private CuratorFramework client() {
        return center.getClient();
    }
}
