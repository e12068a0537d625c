"""Compare: two schemas of one kind, under one set of rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from .avro.compare import compare_avro
from .json_schema.compare import compare_as_registry
from .json_schema.evidence import compare_proof
from .model import Comparison, Named, SchemaTextError
from .protobuf.compare import compare_protobuf

Kind = Literal["json", "avro", "protobuf"]
Rules = Literal["proof", "confluent-strict", "confluent-lenient", "karapace"]
KINDS: tuple[Kind, ...] = ("json", "avro", "protobuf")
RULES: tuple[Rules, ...] = ("proof", "confluent-strict", "confluent-lenient", "karapace")


def compare(
    old: Any,
    new: Any,
    *,
    kind: Kind = "json",
    rules: Rules = "proof",
    resources: Mapping[str, object] | None = None,
    old_resources: Mapping[str, object] | None = None,
) -> Comparison:
    """What became of ``old`` in ``new``; both are schemas as values or text.

    ``rules`` matter for JSON Schema: ``proof`` asks for documents that break, the others are what Confluent's and
    Karapace's registries say. Avro is judged by its resolution of reader and writer, Protobuf by its wire format and
    its JSON. ``resources``: what references in the schemas name, by URI, name or file; ``old_resources``: the same for
    ``old``, where that is something else. Raises ``SchemaTextError`` for what is no schema.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}")
    if rules not in RULES:
        raise ValueError(f"rules are one of {', '.join(RULES)}")
    named = resources or {}
    both = Named(old=named if old_resources is None else old_resources, new=named)
    try:
        return _COMPARERS[kind](old, new, rules, both)
    except RecursionError:
        raise SchemaTextError("is nested too deep to be compared") from None


def _compare_json(old: Any, new: Any, rules: Rules, resources: Named) -> Comparison:
    if rules == "proof":
        return compare_proof(old, new, resources)
    return compare_as_registry(old, new, rules, resources)


_COMPARERS: Mapping[Kind, Callable[[Any, Any, Rules, Named], Comparison]] = {
    "json": _compare_json,
    "avro": lambda old, new, rules, resources: compare_avro(old, new, resources),
    "protobuf": lambda old, new, rules, resources: compare_protobuf(old, new, resources),
}
