"""Expressions give what a real PostgreSQL gives for the same row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import psycopg2
import pytest
from psycopg2.extensions import cursor, new_type, register_type
from psycopg2.extras import register_uuid

from streams.embedded import EmbeddedPostgres
from streams.pipeline.expressions import compile_expression

from .builders import SCOPE, an_event

pytestmark = pytest.mark.integration

COLUMNS = {
    "i": "bigint",
    "j": "bigint",
    "d": "numeric",
    "e": "numeric",
    "t": "text",
    "u": "text",
    "b": "boolean",
    "c": "boolean",
    "ts": "timestamptz",
    "day": "date",
    "at": "time",
    "id": "uuid",
}
ROWS: tuple[Mapping[str, object], ...] = (
    {
        "i": 7,
        "d": Decimal("2.50"),
        "e": Decimal("-1.5"),
        "t": "  Ann ",
        "u": "bob",
        "b": True,
        "ts": "2026-01-31T13:30:15.5+01:00",
        "day": "2026-01-31",
        "at": "08:30:00",
        "id": "6f1c1a4e-0000-4000-8000-000000000000",
    },
    {
        "i": -7,
        "j": 2,
        "d": Decimal(0),
        "e": Decimal("123456789012345678901234567890.123456789"),
        "t": "",
        "u": "b%_\\x",
        "b": False,
        "c": True,
        "ts": "1969-12-31T23:59:59.999999Z",
        "day": "2024-12-30",
        "at": "23:59:59.5",
    },
    {"i": 0, "j": -3, "e": Decimal("0.005"), "u": "äöß\n", "c": False},
)
TEXTS = r"""
not b
b is true
b is not true
b is false
b is not false
b is unknown
b is not unknown
b is null
b is not null
b is distinct from null
b is not distinct from true
b = c
b < c
b and c
b or c
b and null
b or null
not (b is null)
i is not null
t is not null and i > 0
i in (1, 7)
i in (1, null)
i not in (1, null)
i not in (7, null)
j in (1, 2)
i in (j, 7)
i between 1 and null
i between 9 and null
i not between 1 and 7
i between symmetric 9 and 1
i not between symmetric 9 and 1
i between 9 and 1
7 / 2
-7 / 2
7 % -2
-7 % 2
i / 2
i % 3
i / j
i % j
e % d
d / e
d * e
d + e
d - e
-e
i * 1.5
i / 2.0
1e3
1 / 3.0
round(2.5)
round(-2.5)
round(e)
round(e, 2)
round(e, -2)
round(1555, -2)
floor(-1.5)
ceil(-1.5)
floor(e)
ceil(e)
ceiling(e)
abs(e)
abs(i)
sign(e)
sign(i)
power(2, 10)
power(2, -1)
power(d, 2)
i ^ 2
-2 ^ 2
2 ^ 3 ^ 2
sqrt(16)
sqrt(2.0)
greatest(1, null, 3)
greatest(i, j, 3)
least(i, d)
lower(t) || '-' || upper(u)
trim(t)
btrim(t)
ltrim(t)
rtrim(t)
trim(both 'b' from u)
trim(leading 'b' from u)
trim(trailing from t)
ltrim(u, 'bx')
length(t)
length(u)
left(u, 2)
left(u, -1)
left(u, -9)
left(u, 0)
right(u, 2)
right(u, -1)
right(u, 0)
right(u, 9)
substring(u, 2)
substring(u from 0 for 2)
substring(u, 2, 1)
substring(u, -1, 3)
substring(u, 9)
substring(u from 2 for 0)
substr(u, 2, 1)
replace(u, 'b', 'p')
replace(u, '', 'p')
replace(u, 'b', '')
reverse(u)
position('o' in u)
position('' in u)
strpos(u, 'b')
starts_with(u, 'bo')
starts_with(u, '')
concat(u, null, 1)
concat(u, b)
concat(u, 1.50)
concat(null)
u || 1.50
u || i
u || b
md5(u)
u like 'b%'
u like 'B%'
u ilike 'B_B'
u like 'b\%'
u like '%\\%'
u not like '%x%'
u not ilike 'B%'
u like 'b\%\_%'
u like ''
u like null
u like t
u ~ '^b.b$'
u ~* 'O'
u !~ 'x'
u !~* 'X'
u ~ '\d'
case when u = 'bob' then 1 when true then 2 end
case u when 'x' then 'a' else 'b' end
case i when 7 then 1 when null then 2 end
case when null then 1 end
nullif(u, 'bob')
nullif(i, 7)
nullif(i, d)
coalesce(null, u, t)
coalesce(j, i)
coalesce(i, d)
ts > '2026-01-31'
ts = '2026-01-31T13:30:15.5+01:00'
ts in ('2026-01-31 12:30:15.5')
day between '2026-01-01' and '2026-01-31'
day > '2026-01-01'
at < '09:00'
ts::date
ts::date = day
day::timestamp
day::timestamptz
date_trunc('hour', ts)
date_trunc('week', ts)
date_trunc('quarter', day)
date_trunc('year', ts)
date_trunc('month', day)
date_trunc('day', ts)
date_trunc('minute', ts)
date_trunc('second', ts)
extract(year from ts)
extract(second from ts)
extract(dow from day)
extract(isodow from day)
extract(doy from day)
extract(week from day)
extract(quarter from ts)
extract(epoch from ts)
extract(hour from ts)
extract(minute from ts)
extract(month from day)
extract(day from day)
date_part('year', ts)
ts + interval '1 day'
ts - interval '90 minutes'
day + interval '1 day'
ts + interval '1.5 hours'
id = '6F1C1A4E-0000-4000-8000-000000000000'
'12.345'::numeric(10,2)
123.4::numeric(4,2)
2.5::int
-2.5::int
(-2.5)::int
3.5::int
99.995::numeric(4,2)
'abcdef'::varchar(3)
1::boolean
0::boolean
't'::boolean
'yes'::boolean
'on'::boolean
'tr'::boolean
' false '::boolean
'maybe'::boolean
b::int
b::text
1.50::text
d::text
i::text
e::text
'2026-01-02'::date
'2026-01-02T00:30:00+01:00'::timestamptz
'2026-01-02 00:30:00'::timestamp
cast('6f1c1a4e-0000-4000-8000-000000000000' as uuid)
'6f1c1a4e000040008000000000000000'::uuid
'{6f1c1a4e-0000-4000-8000-000000000000}'::uuid
3000000000::int
70000::smallint
9223372036854775808::bigint
' 12 '::int
'12.7'::int
'1e3'::int
'1e3'::numeric
'x'::int
''::int
3000000000::int + 1
i = d
i = 7.0
d = 2.5
d in (2.5, 1)
not i = 7
i <> 7
i != 7
(i = 7) = (d = 2.5)
b is true and i is not null or c
1 - 2 - 3
2 + 3 * 4
- i
+ i
i is distinct from j
i is not distinct from j
t is distinct from null
u = 'bob' or t = 'x'
'a' < 'b'
'B' < 'a'
b::text || 'x'
t = ''
t > 'A'
length('')
u in ('bob', t)
u not in ('bob', t)
greatest('a', u)
nullif(ts, '2026-01-01')
nullif('x', 'x')
i is null
not not b
b and not c
true and i > 1
ts between '2026-01-01' and '2026-12-31'
at = '08:30'
day::text
id::text
power(0, -1)
power(-8, 0.5)
power(0, 0)
1e100 * 1e100
t || null
mod(7, 2)
mod(i, 3)
char_length(u)
b isnull
b notnull
u ~~ 'b%'
u !~~ 'b%'
"""
SAME = Decimal("1e-14")
"""PostgreSQL gives roots, powers and quotients other digits than we do: documented, and not what this is about."""


def asked(server: cursor, text: str, row: Mapping[str, object]) -> object:
    """PostgreSQL's answer; what it raises is NULL here."""
    columns = ", ".join(f"%({name})s::{kind} as {name}" for name, kind in COLUMNS.items())
    given = {name: row.get(name) for name in COLUMNS}
    try:
        server.execute(f"select {text.replace('%', '%%')} from (select {columns}) as row", given)
    except psycopg2.DataError:
        return None
    found = server.fetchone()
    return None if found is None else found[0]


def is_same(ours: object, theirs: object) -> bool:
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    if isinstance(ours, int | Decimal) and isinstance(theirs, int | float | Decimal):
        return abs(Decimal(ours) - Decimal(str(theirs))) <= abs(ours) * SAME
    if isinstance(theirs, datetime) and theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    return ours == theirs


def test_an_expression_gives_what_postgresql_gives(postgres: EmbeddedPostgres) -> None:
    connection = psycopg2.connect(postgres.dsn)
    connection.autocommit = True
    exact = new_type((1700,), "NUMERIC", lambda text, _: None if text is None else Decimal(text))
    register_type(exact, connection)
    register_uuid(conn_or_curs=connection)

    different = []
    with connection.cursor() as server:
        for text in filter(None, TEXTS.splitlines()):
            evaluate = compile_expression(text, SCOPE).evaluate
            for row in ROWS:
                ours, theirs = evaluate(an_event(row)), asked(server, text, row)
                if not is_same(ours, theirs):
                    different.append((text, ours, theirs))
    connection.close()

    assert different == []
