"""Names of schemas, and which versions a criterion admits."""

from __future__ import annotations

import pytest

from streams.contracts.iglu import is_version, parse_criterion


@pytest.mark.parametrize(
    ("criterion", "version", "admits"),
    [
        ("iglu:com.acme/things/jsonschema/1-*-*", "1-2-3", True),
        ("iglu:com.acme/things/jsonschema/1-*-*", "2-0-0", False),
        ("iglu:com.acme/things/jsonschema/1-0-*", "1-1-0", False),
        ("iglu:com.acme/things/jsonschema/1-0-0", "1-0-0", True),
        ("iglu:com.acme/things/jsonschema/1-0-0", "1-0-10", False),
        ("iglu:com.acme/things/jsonschema/*-*-*", "7-8-9", True),
    ],
)
def test_a_criterion_admits_what_it_names(criterion: str, version: str, admits: bool) -> None:
    assert parse_criterion(criterion).admits(version) is admits


@pytest.mark.parametrize("text", ["", "com.acme/things", "iglu:com.acme/things/jsonschema/0-0-0", "iglu:a/b/c/1-0"])
def test_what_is_no_criterion_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"iglu:vendor/name/jsonschema/1-\*-\*"):
        parse_criterion(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1-0-0", True), ("12-3-45", True), ("0-1-0", False), ("1-00-0", False), ("1.0.0", False), ("1-0-0.json", False)],
)
def test_a_version_is_three_numbers_and_starts_at_one(text: str, expected: bool) -> None:
    assert is_version(text) is expected
