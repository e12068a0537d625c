"""JSON Schema's official suite: every test of five drafts, required and optional, answered as it says."""

from __future__ import annotations

from collections import Counter

import pytest

from streams.contracts import Validator, compile_validator

from .official_suite import SuiteTest, suite_tests

COUNTS = {
    # required, optional, formats
    "draft4": (610, 100, 153),
    "draft6": (829, 106, 214),
    "draft7": (913, 118, 434),
    "2019-09": (1227, 154, 483),
    "2020-12": (1257, 158, 491),
}
DISAGREEMENTS: dict[str, set[str]] = {draft: set() for draft in COUNTS}
"""Tests answered otherwise, by draft; the document on compatibility explains each."""


def group_of(test: SuiteTest) -> int:
    """Required, optional or a format: where the specification leaves it to us, formats are asserted here."""
    return 2 if test.file.startswith("optional/format/") else 1 if test.file.startswith("optional/") else 0


@pytest.mark.parametrize("draft", COUNTS)
def test_every_answer_is_the_suites(draft: str) -> None:
    tests = list(suite_tests(draft))
    counts = Counter(map(group_of, tests))
    known: Compiled = {}

    assert tuple(counts[group] for group in range(3)) == COUNTS[draft]
    assert {f"{test.file}: {test.name}" for test in tests if not agrees(test, draft, known)} == DISAGREEMENTS[draft]


Compiled = dict[tuple[int, bool], Validator]
"""By the address of a schema, which lives as long as its tests do."""


def agrees(test: SuiteTest, draft: str, known: Compiled) -> bool:
    """Yes or no, the list of violations, and both with formats asserted wherever the test does not speak of them."""
    asserted = [True] if group_of(test) == 2 else [False] if "format" in test.file else [False, True]
    answers: list[bool] = []
    for formats in asserted:
        key = (id(test.schema), formats)
        if key not in known:
            known[key] = compile_validator(test.schema, draft=draft, formats=formats, resources=test.resources)
        answers += (known[key].is_valid(test.data), not known[key].violations(test.data))
    return answers == [test.is_valid] * len(answers)


def test_a_reference_that_names_no_draft_is_read_as_the_schema_that_names_it() -> None:
    limit = {"type": "integer", "maximum": 5, "exclusiveMaximum": True}
    old = {"$schema": "http://json-schema.org/draft-04/schema#", "$ref": "limit.json"}

    validator = compile_validator(old, resources={"limit.json": limit})

    assert [validator.is_valid(number) for number in (4, 5)] == [True, False]
