"""What a worker shows over HTTP: health, metrics, tables and a page."""
