"""Schemas: tables whose columns change, beside their contracts. Start with ``watch``."""
