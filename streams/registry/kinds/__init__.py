"""What is particular to Avro, JSON Schema and Protobuf: checking, telling alike, normal forms, fields."""
