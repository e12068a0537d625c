"""Mock data: rows that a contract admits and people believe, and rows that miss each of its rules by a hair."""

from .datasets import Mock, NoRowError
from .misses import Miss

__all__ = ["Miss", "Mock", "NoRowError"]
