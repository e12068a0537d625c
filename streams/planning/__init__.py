"""Planning: what the files in ``schemas/`` mean, before anything runs, and what differs from what runs."""
