"""Workload W, its oracle, the floor, and what measures them."""
