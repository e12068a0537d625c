"""Export: one dataset in one form, as a file of that form would hold it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from streams.contracts.model import Contract, Contracts

from .avro import to_avro
from .json_schema import to_json_schema
from .names import identifier, namespace, vendor_and_name
from .odcs import NOTHING_MORE, Elsewhere, to_odcs
from .protobuf import package_of, to_protobuf
from .python import to_python
from .read import read_model
from .sql import DIALECTS, to_sql
from .typescript import to_typescript


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One file."""

    path: str
    """Where it belongs below a folder of files of this form."""
    text: str


def export_dataset(
    contract: Contract, contracts: Contracts, form: str, *, dialect: str = DIALECTS[0], more: Elsewhere = NOTHING_MORE
) -> Exported:
    """The version ``contract`` as one of ``FORMATS``; ``dialect`` is that of SQL, ``more`` is for ODCS."""
    if form == "odcs":
        text = to_odcs(read_model(contract, contracts), contracts, more)
        return Exported(path=_path(contract, ".odcs.yaml"), text=text)
    if form == "sql":
        return Exported(path=_path(contract, ".sql"), text=to_sql(read_model(contract, contracts), dialect))
    return _PLAIN[form](contract, contracts)


def _typescript(contract: Contract, contracts: Contracts) -> Exported:
    return Exported(path=_path(contract, ".ts"), text=to_typescript(read_model(contract, contracts)))


def _python(contract: Contract, contracts: Contracts) -> Exported:
    vendor, name = vendor_and_name(contract)
    path = f"{namespace(vendor).replace('.', '_')}/{identifier(name)}.py"
    return Exported(path=path, text=to_python(read_model(contract, contracts)))


def _avro(contract: Contract, contracts: Contracts) -> Exported:
    """As it is published, where it is written in Avro."""
    if contract.format == "avro":
        return Exported(path=_path(contract, ".avsc"), text=contract.text)
    return Exported(path=_path(contract, ".avsc"), text=to_avro(read_model(contract, contracts)))


def _protobuf(contract: Contract, contracts: Contracts) -> Exported:
    if contract.format == "protobuf":
        return Exported(path=_path(contract, ".proto"), text=contract.text)
    models = [read_model(one, contracts) for one in contracts.history_of(contract)]
    place = package_of(models[-1]).replace(".", "/")
    text = to_protobuf(models, contracts.numbers_of(contract))
    return Exported(path=f"{place}/{identifier(vendor_and_name(contract)[1])}.proto", text=text)


def _json_schema(contract: Contract, contracts: Contracts) -> Exported:
    return Exported(path=_path(contract, ".schema.json"), text=to_json_schema(contract, contracts))


def _path(contract: Contract, ending: str) -> str:
    vendor, name = vendor_and_name(contract)
    return f"{vendor}/{name}{ending}"


_PLAIN: Mapping[str, Callable[[Contract, Contracts], Exported]] = {
    "avro": _avro,
    "jsonschema": _json_schema,
    "protobuf": _protobuf,
    "pydantic": _python,
    "typescript": _typescript,
}
FORMATS = tuple(sorted({*_PLAIN, "odcs", "sql"}))
"""What a dataset can be written as."""
