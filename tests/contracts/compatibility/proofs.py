"""``make proofs``: random pairs of schemas; what is proven must hold for thousands of documents, a witness must break.

``python -m tests.contracts.compatibility.proofs --pairs 500 --documents 10000 --seed 0``: pairs 0 to 499. A pair is
asked both ways. Documents are judged by the validators of the product, and what they find by another validator.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator

from streams.contracts import compare

from .pairs import a_pair, words_of
from .written import written_documents


@dataclass(slots=True)
class Report:
    """What came of the pairs asked so far."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)


def check_pair(seed: int, documents: int, report: Report) -> None:
    """Asks pair ``seed`` both ways."""
    old, new = a_pair(seed)
    found = compare(old, new)
    report.counts["pairs"] += 1
    report.counts.update(f"keyword {word}" for schema in (old, new) for word in words_of(schema))
    for way, writer, reader in (("backward", old, new), ("forward", new, old)):
        report.counts["answers"] += 1
        told = f"{seed} {way}: {writer} -> {reader}"
        witnesses = [one.witnesses[way] for one in found.differences if way in one.witnesses]
        if getattr(found, way):
            report.counts["proven"] += 1
            report.findings += _broken(told, writer, reader, documents, report)
        elif witnesses:
            report.counts["shown"] += 1
            report.findings += (f"no witness {told}: {one}" for one in witnesses if not _breaks(one, writer, reader))
        else:
            report.counts["neither"] += 1
            report.undecided.append(told)


def _broken(told: str, writer: Any, reader: Any, count: int, report: Report) -> Iterator[str]:
    """Documents that break a reader although it was proven that none does."""
    written = written_documents(writer, count=count, seed=count)
    report.counts["documents"] += len(written)
    report.counts["proven with all documents asked for"] += len(written) == count
    is_valid = _is_valid(reader)
    return (f"broken {told}: {one}" for one in written if not is_valid(one))


def _breaks(document: Any, writer: Any, reader: Any) -> bool:
    """The writer's schema admits it, the reader's does not; without formats, another library says so, too."""
    valid = [_is_valid(schema)(document) for schema in (writer, reader)]
    if not any("format" in words_of(schema) for schema in (writer, reader)):
        # The other library does not end where a schema refers to itself and to nothing else.
        with suppress(RecursionError):
            valid += [Draft202012Validator(schema).is_valid(document) for schema in (writer, reader)]
    return valid in ([True, False], [True, False] * 2)


def _is_valid(schema: Any) -> Callable[[Any], bool]:
    is_valid: Callable[[Any], bool] = jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid
    return is_valid


def main() -> int:
    """Exit code 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.contracts.compatibility.proofs", description=__doc__)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="the first pair")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop then")
    options = parser.parse_args()
    report, began = Report(), time.monotonic()
    for seed in range(options.seed, options.seed + options.pairs):
        if time.monotonic() - began > options.seconds:
            break
        check_pair(seed, options.documents, report)
        if report.counts["pairs"] % 50 == 0:
            print(f"{report.counts['pairs']} pairs, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    for name, count in sorted(report.counts.items()):
        print(f"{count:12,} {name}")
    for told in (*report.undecided[:5], *report.findings[:20]):
        print(told)
    print(f"{len(report.findings)} findings")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
