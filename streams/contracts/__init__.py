"""Contracts: the files of ``schemas/`` become immutable objects, once, at start-up."""

from .compatibility import Comparison, Difference, compare
from .load import load_contracts, read_contracts
from .model import Column, ColumnType, Contract, ContractFamily, Contracts, UnknownContractError
from .validation import SchemaError, Validator, compile_validator
from .violations import Violation

__all__ = [
    "Column",
    "ColumnType",
    "Comparison",
    "Contract",
    "ContractFamily",
    "Contracts",
    "Difference",
    "SchemaError",
    "UnknownContractError",
    "Validator",
    "Violation",
    "compare",
    "compile_validator",
    "load_contracts",
    "read_contracts",
]
