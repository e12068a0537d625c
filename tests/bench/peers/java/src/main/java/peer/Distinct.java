package peer;

import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;

/** Valid orders, each once: the step before the DSL's own in W2 and W3. */
final class Distinct implements FixedKeyProcessor<byte[], Change, Order> {
    private FixedKeyProcessorContext<byte[], Order> context;
    private Seen seen;

    @Override
    public void init(FixedKeyProcessorContext<byte[], Order> context) {
        this.context = context;
        seen = new Seen(context.getStateStore(Seen.NAME));
    }

    @Override
    public void process(FixedKeyRecord<byte[], Change> record) {
        Order order = record.value().order();
        if (seen.isNew(order)) context.forward(record.withValue(order));
    }
}
