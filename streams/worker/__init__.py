"""The worker: the only place that knows Faust, Kafka, tasks and the clock. Start with ``engine``."""
