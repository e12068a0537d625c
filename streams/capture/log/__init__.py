"""Log: what PostgreSQL's log tells, through either plugin, becomes numbered changes. Start with ``follow``."""
