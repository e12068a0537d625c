"""Outgoing: a numbered change passes its rules and becomes records of Kafka. Start with ``records``."""
