"""Dictionary: what is agreed on, for people: datasets, columns, rules, versions, who uses them, and words."""

from .collect import collect
from .html import to_html
from .markdown import to_markdown

__all__ = ["collect", "to_html", "to_markdown"]
