"""Numbers: those of Protobuf's fields stay what they were published as, also where an older version comes late.

They follow from the order of versions. A version that comes between or before those that are published would take
numbers that others have: then what is published is recorded in the dataset's ``numbers.yaml``, and goes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from streams.contracts import Contract, ContractFamily, Contracts
from streams.contracts.documents import DocumentError, parse_yaml
from streams.contracts.exports.protobuf import field_numbers
from streams.contracts.exports.read import read_model
from streams.contracts.iglu import dataset_of
from streams.contracts.numbers import NUMBERS_FILE, Recorded, numbers_text, read_numbers
from streams.errors import Problem

from .files import Base, Files

HOW = "streams contracts check --record notes what they are"


def numbers_problems(
    contracts: Contracts, files: Files, base: Base | None, published: frozenset[str]
) -> Iterator[Problem]:
    """Numbers that are not what they were, or would not be."""
    for family in contracts.families.values():
        if family.newest.format != "protobuf":
            yield from _family_problems(family, contracts, published)
    for file in () if base is None else base.tip:
        if file.rpartition("/")[2] == NUMBERS_FILE:
            yield from _changed(file, base.tip[file], files, base.name)  # type: ignore[union-attr]  # there is a file


def _family_problems(family: ContractFamily, contracts: Contracts, published: frozenset[str]) -> Iterator[Problem]:
    recorded = contracts.numbers.get(dataset_of(family.subject))
    if recorded is not None:
        lacking = sorted(_flat(_numbers(family.versions, contracts, recorded)).keys() - _flat(recorded).keys())
        if lacking:
            file = f"{dataset_of(family.subject)}/{NUMBERS_FILE}"
            yield Problem(file=file, line=1, message=f"lacks {', '.join(lacking)}; {HOW}")
        return
    shifted = _shifted(family, contracts, published)
    if shifted:
        late = next(one for one in family.versions if _file(one) not in published)
        message = f"comes late, and shifts the Protobuf numbers of {', '.join(shifted)}, which is published; {HOW}"
        yield Problem(file=_file(late), line=1, message=message)


def _shifted(family: ContractFamily, contracts: Contracts, published: frozenset[str]) -> list[str]:
    """Fields of published versions that another number would be given than they have."""
    known = [one for one in family.versions if _file(one) in published]
    if not known or known == list(family.versions[: len(known)]):
        return []
    was, now = _flat(_numbers(known, contracts, {})), _flat(_numbers(family.versions, contracts, {}))
    return sorted(name for name, number in was.items() if now.get(name) != number)


def _changed(file: str, content: bytes, files: Files, base: str) -> Iterator[Problem]:
    was = _read(file, content)
    now = _read(file, files[file]) if file in files else {}
    for name, number in _flat(was).items():
        if _flat(now).get(name) != number:
            yield Problem(file=file, message=f"{name} has the number {number} in {base}, and a number never changes")


def _read(file: str, content: bytes) -> Recorded:
    try:
        return read_numbers(parse_yaml(content.decode(errors="replace"), file), [])
    except DocumentError:  # the loader tells
        return {}


def recorded_numbers(contracts: Contracts, published: frozenset[str]) -> Mapping[str, str]:
    """Files of numbers to write: of datasets that have one, and of those that need one."""
    written: dict[str, str] = {}
    for family in contracts.families.values():
        dataset = dataset_of(family.subject)
        is_needed = dataset in contracts.numbers or bool(_shifted(family, contracts, published))
        if family.newest.format == "protobuf" or not is_needed:
            continue
        in_turn = sorted(family.versions, key=lambda one: _file(one) not in published)  # those that are published first
        numbers = _numbers(in_turn, contracts, contracts.numbers.get(dataset, {}))
        written[f"{dataset}/{NUMBERS_FILE}"] = numbers_text(numbers)
    return written


def _numbers(versions: list[Contract] | tuple[Contract, ...], contracts: Contracts, recorded: Recorded) -> Recorded:
    return field_numbers([read_model(one, contracts) for one in versions], recorded)


def _flat(numbers: Recorded) -> Mapping[str, int]:
    """By message, field and wire in one text."""
    return {f"{message}.{name} ({wire})": number for message, held in numbers.items()
            for (name, wire), number in held.items()}  # fmt: skip


def _file(contract: Contract) -> str:
    return contract.uri.removeprefix("iglu:")
