"""Rows: records of the contract of these tests, as texts of which no JSON writer knows."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from tests.fuzz.binary import damage_bytes

from .ways import COLUMNS, NOW_MS, REQUIRED

INTEGERS = [*map(str, range(-10, 10)), "999", "1000", "9000", "9001", "-0", "007", "1.0", "1e2", "9" * 18, "9" * 30]
NUMBERS = ["0.1", "-50", "-51", "99999.999999", "0.1234567", "999999999999.999999", "1E+2", "-0.00", "0.0", "0.0000001"]
TEXTS = ['"a"', '"abcde"', '"abcdef"', '"äöüßé"', '"äöüßéé"', '""', '"\\n"', '"\\u00e4"', '"\\ud800"', '"a\tb"', '"😀"']
WORDS = ['"new"', '"paid"', '"Größe"', '"old"', '"new "', "null"]
EMAILS = ['"a@b.org"', '"a.b-c@d.co.uk"', '"a@b"', '"@b.org"', '"a..b@c.org"', '"ann@example.test.org.uk"', '"a@b.o"']
DAYS = ['"2026-01-28"', '"2026-02-29"', '"2026-13-01"', '"2026-1-01"', '"0000-00-00"', "null", "20000"]
REFS = [f'"{"0a" * 4}-{"1b" * 2}-{"2c" * 2}-{"3d" * 2}-{"4e" * 6}"', '"0A0a0a0a-1b1b-2c2c-3d3d-4e4e4e4e4e4e"', '"x"']
TIMES = ["1000", "1000.5", "59999", "60000", "61000", "125000", str(NOW_MS), str(NOW_MS + 3_600_001), "-60001", "null"]
DAY = "1970-01-01T00:01"
ZONES = ["Z", "+00:00", "-00:30", "+12:59", "-12:00", "+13:00", "+1:00", "z", "", "+0000", "Z "]
FRACTIONS = ["0", "25", "1239999", "999999999", "", "0123456789"]
DAYS_OF_MOMENTS = ["0001-01-01", "0000-01-01", "1969-12-28", "1970-02-28", "1970-02-29", "1600-02-28", "1900-03-01"]
CLOCKS = ["T24:00:00", "T00:60:00", "T00:00:60", " 00:00:00", "T00:00:00,5"]
MOMENTS = [
    *(f'"{DAY}:0{place}.{fraction}Z"' for place, fraction in enumerate(FRACTIONS)),
    *(f'"{DAY}:00{zone}"' for zone in ZONES),
    *(f'"{day}T23:59:59.999Z"' for day in DAYS_OF_MOMENTS),
    *(f'"1970-01-01{clock}Z"' for clock in CLOCKS),
    "null",
    "0",
]
STRANGE = ["null", "true", "{}", "[]", '{"a":[1,{"b":2}]}', "nul", "tru", '"__debezium_unavailable_value"', ""]
VALUES = {
    "id": INTEGERS[8:16],
    "customer": ["1", "2", "999", "1000", "null"],
    "amount": [*INTEGERS, *NUMBERS, "null"],
    "count": INTEGERS,
    "part": ["0", "0.000001", "1", "1.0", "0.999999", "0.9999999"],
    "flag": ["true", "false", "null", "0"],
    "state": WORDS[:3] * 4 + WORDS,
    "note": [*TEXTS, "null"],
    "free": [*TEXTS, '"__debezium_unavailable_value"'],
    "email": EMAILS,
    "day": DAYS,
    "ref": REFS,
    "moment": MOMENTS,
    "at": TIMES,
}
FIT: dict[str, list[str]] = {
    "id": [*map(str, range(300))],
    "customer": ["1", "2", "null"],
    "amount": ["1", "0.10", "-2.5", "null", "99999.999999"],
    "part": ["0.1", "0.999999"],
    "count": ["1", "2"],
    "flag": ["true", "null"],
    "state": ['"new"', '"Größe"'],
    "note": ['"abc"', "null"],
    "free": ['"äöü"', '""'],
    "email": ['"a@b.org"'],
    "day": ['"2026-01-28"', "null"],
    "ref": REFS[:1],
    "moment": MOMENTS[:4],
    "at": [TIMES[0], *TIMES[2:6]],
}
SPACES = ["", "", "", " ", "\n\t", "\r "]
PARTS = ['"ts_ms":1', '"x":[1,"\\n",{}]', '"op":"u"', '"payload":{}', '"x":"\\u0041"', '"x":1e9', '"y":' + "[" * 20]
"""What else may stand in an envelope."""
SOURCES = ['{"lsn":[1,2]}', "null", '{"ts_ms":null}', '{"ts_ms":1.5}', "[]"]
OPS = ['"d"', '"t"', '"m"', "null", '"cc"']
BEFORE = ['{"id":1e400}', "[]", '{"id":"a"}', "null"]
TEXTS_OF = {"op": [*OPS, '"u"', '"r"', '"c', "1"], "before": BEFORE, "source": [*SOURCES, '{"ts_ms":1,"ts_ms":2}']}


def each_value(column: str) -> list[bytes]:
    """Envelopes, one for each value that tests know of ``column``; all other columns fit."""
    texts = [*VALUES[column], *STRANGE]
    rows = [{name: FIT[name][0] for name in COLUMNS} | {"id": str(at), column: text} for at, text in enumerate(texts)]
    return [_envelope(_text_of(row.items())).encode("utf-8", "surrogatepass") for row in rows]


def each_envelope() -> list[bytes]:
    """Envelopes that are strange in one place; their rows fit."""
    fit = {name: FIT[name][0] for name in COLUMNS}
    row, doubled = _text_of(fit.items()), [_text_of([*fit.items(), (name, FIT[name][-1])]) for name in COLUMNS]
    lacking = [_text_of([held for held in fit.items() if held[0] != name]) for name in COLUMNS]
    held = [
        *(_envelope(other) for other in (*doubled, *lacking, "null", "[]", row[:-1] + ',"more":1}', row[:-1] + ",}")),
        *(_envelope(row, **{part: text}) for part, texts in TEXTS_OF.items() for text in texts),
        *(_envelope(row, more=part) for part in (*PARTS, f'"after":{row}', '"after":null', '"source":{"ts_ms":5}')),
        *(_envelope(row) + end for end in (" ", "\n", "x", "\0", "{}")),
        _envelope(row, source='{"ts_ms":7}', more='"source":{}'),
        _envelope(row).replace(",", " ", 1),
        _envelope(row).replace(":", " ", 1),
    ]
    return [text.encode() for text in held]


def _text_of(columns: Iterable[tuple[str, str]]) -> str:
    return "{" + ",".join(f'"{name}":{text}' for name, text in columns) + "}"


def _envelope(after: str, *, op: str = '"c"', before: str = "null", source: str = "{}", more: str = "") -> str:
    return f'{{"before":{before},"after":{after},"source":{source},"op":{op}{"," * bool(more)}{more}}}'


def a_row(chance: Random, wildness: float) -> str:
    """A row as text; in a wild one a value does not fit, columns are missing, doubled or unknown."""
    space, wrong = chance.choice(SPACES), chance.choice([*COLUMNS]) if chance.random() < wildness else None
    names = [name for name in COLUMNS if name in REQUIRED or chance.random() < 0.6]
    if chance.random() < wildness / 5:
        names += chance.choices([*COLUMNS, "more"], k=chance.randrange(3))
        chance.shuffle(names)
    if chance.random() < wildness / 20:
        names.pop(chance.randrange(len(names)))
    columns = []
    for name in names:
        values = [*VALUES[name], *STRANGE] if name == wrong else FIT.get(name, STRANGE)
        columns.append(f'{space}"{name}"{space}:{space}{chance.choice(values)}')
    return "{" + f",{space}".join(columns) + space + "}"


def a_value(chance: Random, wildness: float) -> bytes:
    """An envelope as bytes; a wild one is strange or damaged."""
    row = a_row(chance, wildness)
    before = row if chance.random() < 0.2 else "null"
    source, op, end = '{"ts_ms":900,"lsn":1}', chance.choice(['"c"', '"u"', '"r"']), ""
    if chance.random() < wildness / 3:
        before, source, op = chance.choice(BEFORE), chance.choice(SOURCES), chance.choice(OPS)
        end = chance.choice(["", " \n", "x"])
    parts = [f'"before":{before}', f'"after":{row}', f'"source":{source}', f'"op":{op}']
    if chance.random() < 0.1:
        parts.append(chance.choice(PARTS))
        chance.shuffle(parts)
    value = ("{" + ",".join(parts) + "}" + end).encode("utf-8", "surrogatepass")
    return value if chance.random() > wildness / 10 else damage_bytes(value, value, chance)
