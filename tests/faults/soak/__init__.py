"""Soak: hours of load with faults at random, a canary in every partition, and what workers hold of the machine.

``make soak HOURS=1``; ``python -m tests.faults.soak --help`` tells more. What was seen is in ``.streams/soak/<run>/``.
"""
