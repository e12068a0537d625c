package peer;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** Count and exact sum of a window. */
record Total(long orders, BigDecimal revenue) {
    static final Total NONE = new Total(0, BigDecimal.ZERO);

    Total plus(BigDecimal amount) {
        return new Total(orders + 1, revenue.add(amount));
    }

    static byte[] toBytes(Total total) {
        if (total == null) return null;
        byte[] digits = total.revenue.unscaledValue().toByteArray();
        ByteBuffer bytes = ByteBuffer.allocate(12 + digits.length);
        return bytes.putLong(total.orders).putInt(total.revenue.scale()).put(digits).array();
    }

    static Total fromBytes(byte[] held) {
        if (held == null) return null;
        ByteBuffer bytes = ByteBuffer.wrap(held);
        long orders = bytes.getLong();
        int scale = bytes.getInt();
        return new Total(orders, new BigDecimal(new BigInteger(held, 12, held.length - 12), scale));
    }

    static Serde<Total> serde() {
        return Serdes.serdeFrom((topic, total) -> toBytes(total), (topic, bytes) -> fromBytes(bytes));
    }
}
