"""Exports: what ``schemas/`` agrees on, in the words of other tools. Needs contracts alone."""

from .export import FORMATS, Exported, export_dataset

__all__ = ["FORMATS", "Exported", "export_dataset"]
