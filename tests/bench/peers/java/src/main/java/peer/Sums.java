package peer;

import java.time.Duration;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/**
 * W in one processor: dead letters, duplicates, the window's running sum attached to each order. The DSL's aggregation
 * emits sums without the order that changed them, so this is the form that the documentation has for it, and it saves
 * a hop for each step.
 */
final class Sums implements Processor<byte[], Change, byte[], byte[]> {
    static final String NAME = "totals";
    static final long MINUTE_MS = 60_000;
    static final long GRACE_MS = 5_000;
    private ProcessorContext<byte[], byte[]> context;
    private Seen seen;
    private WindowStore<Long, Total> totals;
    private long late;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        seen = new Seen(context.getStateStore(Seen.NAME));
        totals = context.getStateStore(NAME);
    }

    @Override
    public void process(Record<byte[], Change> record) {
        Order order = record.value().order();
        if (order == null) {
            context.forward(record.withValue(record.value().bytes()), "dead");
        } else if (seen.isNew(order)) {
            long start = order.createdAt - order.createdAt % MINUTE_MS;
            if (start + MINUTE_MS + GRACE_MS > context.currentStreamTimeMs()) {
                publish(record, order, start);
            } else {
                late += 1;
            }
        }
    }

    private void publish(Record<byte[], Change> record, Order order, long start) {
        Total known = totals.fetch(order.customerId, start);
        Total total = (known == null ? Total.NONE : known).plus(order.amount);
        totals.put(order.customerId, total, start);
        byte[] value = order.write(json -> {
            json.writeNumberField("running_orders", total.orders());
            json.writeNumberField("running_revenue", total.revenue());
        });
        context.forward(record.withValue(value), "enriched");
    }

    @Override
    public void close() {
        System.out.println("late: " + late);
    }

    /** Kept for an hour: a segment is a RocksDB of its own, and one a minute would be opened and closed all the time. */
    static StoreBuilder<WindowStore<Long, Total>> builder() {
        return Stores.windowStoreBuilder(
                        Stores.persistentWindowStore(NAME, Duration.ofHours(1), Duration.ofMillis(MINUTE_MS), false),
                        Serdes.Long(),
                        Total.serde())
                .withCachingEnabled()
                .withLoggingEnabled(Peer.CHANGELOG);
    }
}
