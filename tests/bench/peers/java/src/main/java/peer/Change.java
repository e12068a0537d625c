package peer;

import java.io.IOException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.streams.processor.TimestampExtractor;

/** A record of the orders' topic: its bytes, and the order in them, null where it breaks its contract. */
record Change(byte[] bytes, Order order) {

    /** Decodes and validates, once: the event time is taken from the result. */
    static final class Decoder implements Deserializer<Change> {
        private boolean begun;

        @Override
        public Change deserialize(String topic, byte[] bytes) {
            if (!begun) {
                System.out.println("begins");
                begun = true;
            }
            try {
                return new Change(bytes, Order.read(bytes));
            } catch (IOException noJson) {
                return new Change(bytes, null);
            }
        }
    }

    /** When the order was made; of what is invalid, the time that the partition has reached. */
    static final class EventTime implements TimestampExtractor {
        @Override
        public long extract(ConsumerRecord<Object, Object> record, long partitionTime) {
            Order order = ((Change) record.value()).order;
            return order == null ? Math.max(partitionTime, 0) : order.createdAt;
        }
    }
}
