"""Protobuf: what old and new code make of each other's bytes, and of each other's JSON."""
