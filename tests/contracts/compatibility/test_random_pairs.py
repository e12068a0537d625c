"""Random pairs of schemas, the short run of ``make proofs``: what is proven holds, what is shown breaks."""

from __future__ import annotations

from typing import Any

import pytest

from streams.contracts import compare

from . import proofs
from .pairs import a_pair, words_of
from .proofs import Report, check_pair

PAIRS = range(40)


def test_what_is_proven_holds_for_documents_written_and_every_witness_breaks() -> None:
    report = Report()

    for seed in PAIRS:
        check_pair(seed, 150, report)

    assert report.findings == []
    assert report.counts["proven"] > 20
    assert report.counts["shown"] > 15
    assert report.counts["neither"] <= report.counts["answers"] // 20


def test_every_keyword_is_in_some_pair() -> None:
    words = {word for seed in range(200) for schema in a_pair(seed) for word in words_of(schema)}

    assert words >= {
        "type", "enum", "const", "minLength", "maxLength", "pattern", "format", "minimum", "maximum",
        "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "properties", "required", "additionalProperties",
        "patternProperties", "propertyNames", "minProperties", "maxProperties", "dependentRequired",
        "dependentSchemas", "unevaluatedProperties", "items", "prefixItems", "contains", "minContains", "maxContains",
        "minItems", "maxItems", "uniqueItems", "unevaluatedItems", "allOf", "anyOf", "oneOf", "not", "if", "then",
        "else", "$ref", "$defs",
    }  # fmt: skip


def test_a_wrong_answer_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def turned(old: Any, new: Any) -> Any:
        return compare(new, old)

    monkeypatch.setattr(proofs, "compare", turned)
    report = Report()

    for seed in PAIRS[:12]:
        check_pair(seed, 150, report)

    assert {told.split()[0] for told in report.findings} == {"broken", "no"}


def test_a_witness_may_be_null_and_each_direction_has_its_own() -> None:
    nullable, text, number = {"type": ["string", "null"]}, {"type": "string"}, {"type": "integer"}

    (found,) = (one for one in compare(nullable, text).differences if one.breaks)
    assert (found.breaks, found.witnesses) == (("backward",), {"backward": None})
    (found,) = (one for one in compare(text, number).differences if one.breaks)
    assert found.breaks == ("backward", "forward")
    assert [type(found.witnesses[way]) for way in found.breaks] == [str, int]
    assert found.witness == found.witnesses["backward"]
