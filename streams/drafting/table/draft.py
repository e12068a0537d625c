"""Draft: a table's catalog as a dataset.

In:   what the catalog says (``catalog``).
Out:  a draft whose schema every row of the table honours, as the capture tells it.
Next: streams.drafting.write
"""

from __future__ import annotations

from collections.abc import Iterator

from streams.capture.postgres.facts import ColumnFacts

from ..classes import guess_class
from ..model import Check, ColumnDraft, Draft, or_null
from .catalog import ForeignKey, TableFacts
from .constrain import constrained
from .types import logical_of, shape_of

FORMAT = "debezium-json"


def draft_table(facts: TableFacts, *, vendor: str, name: str, topic: str) -> Draft:
    """The draft of a table whose changes are in ``topic``."""
    columns = tuple(_column(fact, facts) for fact in facts.columns)
    draft = Draft(
        vendor=vendor,
        name=name,
        title=facts.name,
        description=facts.comment or f"A row of the table {facts.name}.",
        columns=columns,
        topic=topic,
        format=FORMAT,
        key=facts.key,
        table=facts.name,
        quality=tuple(_unique_rules(facts, columns)),
        relationships=tuple(_wide_relation(held, name) for held in facts.foreign_keys if len(held.columns) > 1),
        notes=tuple(_notes(facts, columns)),
    )
    return constrained(draft, facts.checks, {fact.name: fact for fact in facts.columns})


def _column(fact: ColumnFacts, facts: TableFacts) -> ColumnDraft:
    is_required = fact.is_required or fact.name in facts.key
    referred = (f"{held.table}.{held.keys[0]}" for held in facts.foreign_keys if held.columns == (fact.name,))
    shape = shape_of(fact, facts.dimensions.get(fact.name, 1))
    return ColumnDraft(
        name=fact.name,
        shape=shape if is_required else or_null(shape),
        logical=logical_of(fact),
        physical=facts.type_names[fact.name],
        is_required=is_required,
        description=facts.comments.get(fact.name),
        classification=guess_class(fact.name),
        refers_to=next(referred, None),
    )


def _wide_relation(key: ForeignKey, name: str) -> dict[str, list[str]]:
    return {
        "from": [f"{name}.{column}" for column in key.columns],
        "to": [f"{key.table}.{column}" for column in key.keys],
    }


def _unique_rules(facts: TableFacts, columns: tuple[ColumnDraft, ...]) -> Iterator[Check]:
    """Rows are told apart by the key. A rule about a classified column needs a secret: that is for people to say."""
    private = {column.name for column in columns if column.classification}
    for names in dict.fromkeys(facts.unique):
        told = ", ".join(names)
        if facts.key and set(facts.key) <= set(names):
            continue
        if facts.key and private.isdisjoint(names) and set(names) <= {column.name for column in columns}:
            yield {"metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": list(names)}}
        else:
            text = f"UNIQUE ({told}). As a rule (duplicateValues) it needs STREAMS_MASK_KEY_FILE, and rows with a key."
            yield {"type": "text", "name": f"unique_{'_'.join(names)}", "description": text}


def _notes(facts: TableFacts, columns: tuple[ColumnDraft, ...]) -> Iterator[str]:
    if guessed := [column.name for column in columns if column.classification]:
        yield f"privacy classes are guessed from names, and masked in the pipeline: {', '.join(guessed)}"
    if facts.generated:
        yield f"computed by PostgreSQL, so no capture tells them: {', '.join(facts.generated)}"
    if not facts.key:
        yield "the table has no primary key: its rows are events, and the pipeline keeps no table of them"
    if any(name.startswith(_WITHOUT_FORM) for name in facts.type_names.values()):
        yield "NaN, infinity and years beyond 9999 have no form in the schema: rows with them would be refused"


_WITHOUT_FORM = ("numeric", "real", "double precision", "date", "timestamp")
