"""JSON Schema: Confluent's two rule sets, and a proof by set algebra."""
