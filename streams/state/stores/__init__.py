"""Where a task keeps its committed state: in memory, or on disk in RocksDB."""
