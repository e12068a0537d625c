"""The demo: a small shop on embedded services, captured, processed and checked. ``python -m streams.demo``."""
