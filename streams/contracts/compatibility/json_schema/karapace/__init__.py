"""Karapace's rules for JSON Schema: what its registry would say of a change."""
