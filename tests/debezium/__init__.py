"""A real Debezium beside our capture: what it tells of a database, and where ours tells something else on purpose."""
