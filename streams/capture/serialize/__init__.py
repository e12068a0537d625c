"""Serialize: keys and envelopes in the formats of a schema registry."""
