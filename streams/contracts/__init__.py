"""Contracts: the files of ``schemas/`` become immutable objects, once, at start-up."""

from .load import load_contracts
from .model import Column, ColumnType, Contract, ContractFamily, Contracts, UnknownContractError
from .validation import Validator, Violation, compile_validator

__all__ = [
    "Column",
    "ColumnType",
    "Contract",
    "ContractFamily",
    "Contracts",
    "UnknownContractError",
    "Validator",
    "Violation",
    "compile_validator",
    "load_contracts",
]
