"""Wire: what travels between the tasks of rows and those of their partners."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec


class Named(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row names a partner, or does so no more; the record's key is the partner's."""

    row: str
    """Canonical key of the row."""
    partition: int
    """Where the row lives."""
    is_there: bool


class Partner(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A partner as it is."""

    time_ms: int
    """Event time of the change that wrote it."""
    row: dict[str, Any]
    """The columns that are joined."""


class Answer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a row has asked for; the record's key is the row's."""

    ref: str
    """The partner's canonical key: the row may name another one by now."""
    partner: Partner | None
    """``None``: there is no such partner."""


class Question(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event asks for its partner; the record's key is the partner's."""

    partition: int
    """Where the event waits."""
    offset: int
    part: int
    """Which event of its record."""
    time_ms: int


class Reply(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an event that waits has asked for."""

    offset: int
    part: int
    answer: Answer


encode = msgspec.json.Encoder(decimal_format="number").encode
decode_named = msgspec.json.Decoder(Named).decode
decode_partner = msgspec.json.Decoder(Partner, float_hook=Decimal).decode
decode_question = msgspec.json.Decoder(Question).decode
decode_reply = msgspec.json.Decoder(Reply, float_hook=Decimal).decode
decode_answer = msgspec.json.Decoder(Answer, float_hook=Decimal).decode
