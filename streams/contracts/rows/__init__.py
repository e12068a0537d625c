"""Rows: what rows of an Avro or a Protobuf schema look like, as a JSON Schema of what their readers give."""

from .shapes import RowsError
from .write import FORMATS, fault_in, rows_of

__all__ = ["FORMATS", "RowsError", "fault_in", "rows_of"]
