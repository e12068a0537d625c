"""Fuzz: damaged records through every decoder; each gives an event, a skip or a typed error, and none a value away."""
