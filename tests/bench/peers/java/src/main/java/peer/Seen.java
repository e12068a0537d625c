package peer;

import java.nio.ByteBuffer;
import java.time.Duration;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/**
 * Identities of the last 24 hours, in a window store that forgets whole segments, as Confluent's tutorial on finding
 * distinct events has it. The tutorial reads a range of times; a copy of a change has the same event time, so one exact
 * look-up does, which is cheaper.
 */
final class Seen {
    static final String NAME = "seen";
    private static final byte[] MARK = {1};
    private final WindowStore<byte[], byte[]> store;

    Seen(WindowStore<byte[], byte[]> store) {
        this.store = store;
    }

    /** Whether it is the first of its identity; notes it. */
    boolean isNew(Order order) {
        byte[] identity = ByteBuffer.allocate(16).putLong(order.id).putLong(order.lsn).array();
        if (store.fetch(identity, order.createdAt) != null) return false;
        store.put(identity, MARK, order.createdAt);
        return true;
    }

    static StoreBuilder<WindowStore<byte[], byte[]>> builder() {
        Duration day = Duration.ofHours(24);
        return Stores.windowStoreBuilder(
                        Stores.persistentWindowStore(NAME, day, day, false), Serdes.ByteArray(), Serdes.ByteArray())
                .withLoggingEnabled(Peer.CHANGELOG);
    }
}
