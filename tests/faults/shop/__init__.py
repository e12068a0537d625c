"""The shop at size: a database that is traded in, a capture, workers, and what all of it must come to by SQL."""
