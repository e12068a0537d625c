"""Peers of the engine: the same workload through other stream processors, each as its own documentation recommends."""
