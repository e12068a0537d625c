"""Where a task keeps its committed state: in memory, on disk in RocksDB, or in Redis."""
