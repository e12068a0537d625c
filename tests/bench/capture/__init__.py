"""The benchmark of the capture: a million changes, beside pg_recvlogical and a real Debezium, and killed on the way."""
