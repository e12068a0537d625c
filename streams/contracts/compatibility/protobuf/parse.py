"""Parse a ``.proto`` file: what decides how data looks; options that do not are passed over.

Source: the grammar of proto2, proto3 and editions in Protobuf's language specification.
"""

from __future__ import annotations

from ..model import SchemaTextError
from .schema import ProtoEnum, ProtoField, ProtoFile, ProtoMessage
from .tokens import Tokens, number_of

MOST_FIELDS = (1 << 29) - 1
"""The largest number of a field that the wire's tags can hold."""
ENUM_RANGE = 1 << 31
_LABELS = ("optional", "required", "repeated")
_PASSED_OVER = ("option", "service", "extend")
_PASSED_OVER_INSIDE = ("option", "extend", "extensions")
_VISIBILITY = ("export", "local")


def parse_proto(text: str) -> ProtoFile:
    """The file in ``text``; raises ``SchemaTextError``."""
    tokens, file = Tokens(text), ProtoFile()
    while tokens.peek():
        match tokens.peek():
            case "syntax" | "edition" | "package" as word:
                _say(tokens, file, word)
            case "import":
                tokens.take()
                while tokens.peek() in ("public", "weak", "option"):
                    tokens.take()
                file.imports.append(tokens.take().strip("\"'"))
                tokens.take(";")
            case "message":
                _message(tokens, file.top)
            case "enum":
                _enum(tokens, file.top)
            case word if word in _PASSED_OVER:
                tokens.skip_statement()
            case word if word == ";" or word in _VISIBILITY:
                tokens.take()
            case other:
                raise SchemaTextError(f"is no Protobuf: {other} cannot stand at the top of a file")
    return file


def _say(tokens: Tokens, file: ProtoFile, word: str) -> None:
    """What a file says of itself."""
    tokens.take()
    if word == "package":
        file.package = tokens.take()
    else:
        tokens.take("=")
        file.syntax = tokens.take().strip("\"'")
    tokens.take(";")


def _message(tokens: Tokens, into: ProtoMessage) -> None:
    tokens.take("message")
    message = ProtoMessage(name=tokens.take())
    into.messages[message.name] = message
    _body(tokens, message)


def _body(tokens: Tokens, message: ProtoMessage) -> None:
    tokens.take("{")
    while not tokens.skip("}"):
        if tokens.peek() in _VISIBILITY and tokens.peek(1) in ("message", "enum"):
            tokens.take()
        word = tokens.peek()
        if word == "message" and tokens.peek(2) == "{":
            _message(tokens, message)
        elif word == "enum" and tokens.peek(2) == "{":
            _enum(tokens, message)
        elif word == "oneof" and tokens.peek(2) == "{":
            _oneof(tokens, message)
        elif word == "reserved":
            message.reserved.read(tokens)
        elif word in _PASSED_OVER_INSIDE:
            tokens.skip_statement()
        elif not tokens.skip(";"):
            _field(tokens, message, oneof="")
    message.reserved.check(message.name, ((number, held.name) for number, held in message.fields.items()))


def _oneof(tokens: Tokens, message: ProtoMessage) -> None:
    tokens.take("oneof")
    name = tokens.take()
    message.oneofs.append(name)
    tokens.take("{")
    while not tokens.skip("}"):
        if tokens.peek() == "option":
            tokens.skip_statement()
        elif not tokens.skip(";"):
            _field(tokens, message, oneof=name)


def _field(tokens: Tokens, message: ProtoMessage, *, oneof: str) -> None:
    label = tokens.take() if tokens.peek() in _LABELS and tokens.peek(1) != "=" else ""
    if tokens.peek() == "group" and tokens.peek(2) == "=":
        _group(tokens, message, label, oneof)
        return
    key, kind = "", tokens.take()
    if kind == "map" and tokens.skip("<"):
        key = tokens.take()
        tokens.take(",")
        kind = tokens.take()
        tokens.take(">")
    name = tokens.take()
    tokens.take("=")
    number = number_of(tokens.take())
    options = tokens.skip_brackets()
    tokens.take(";")
    made = ProtoField(number=number, name=name, type=kind, label=label, key=key, oneof=oneof,
                      json_name=_json_name(name, options), options=tuple(options))  # fmt: skip
    _add(message, made)


def _group(tokens: Tokens, message: ProtoMessage, label: str, oneof: str) -> None:
    """A field and its message in one."""
    tokens.take("group")
    name = tokens.take()
    tokens.take("=")
    number = number_of(tokens.take())
    tokens.skip_brackets()
    inner = ProtoMessage(name=name)
    message.messages[name] = inner
    _body(tokens, inner)
    _add(message, ProtoField(number=number, name=name.lower(), type=name, label=label, oneof=oneof,
                             json_name=name.lower()))  # fmt: skip


def _add(message: ProtoMessage, made: ProtoField) -> None:
    if not 1 <= made.number <= MOST_FIELDS:
        raise SchemaTextError(f"the number of {message.name}.{made.name} is not from 1 to {MOST_FIELDS}")
    if made.number in message.fields:
        raise SchemaTextError(f"the message {message.name} has the number {made.number} twice")
    message.fields[made.number] = made


def _enum(tokens: Tokens, into: ProtoMessage) -> None:
    tokens.take("enum")
    enum = ProtoEnum(name=tokens.take())
    into.enums[enum.name] = enum
    tokens.take("{")
    while not tokens.skip("}"):
        if tokens.skip(";"):
            continue
        if tokens.peek() in ("option", "reserved") and tokens.peek(1) != "=":
            enum.reserved.read(tokens) if tokens.peek() == "reserved" else tokens.skip_statement()
            continue
        name = tokens.take()
        tokens.take("=")
        sign = "-" if tokens.skip("-") else ""
        number = number_of(sign + tokens.take())
        if not -ENUM_RANGE <= number < ENUM_RANGE:
            raise SchemaTextError(f"the number of {enum.name}.{name} is no 32-bit integer")
        tokens.skip_brackets()
        tokens.take(";")
        enum.constants[number] = (*enum.constants.get(number, ()), name)
    enum.reserved.check(enum.name, ((number, name) for number, names in enum.constants.items() for name in names))


def _json_name(name: str, options: list[str]) -> str:
    """The name in JSON: what the option says, else the field's name in camel case."""
    if "json_name" in options:
        said = options[options.index("json_name") + 1 :]
        if len(said) < 2 or said[0] != "=":
            raise SchemaTextError(f"is no Protobuf: the json_name of {name} says nothing")
        return said[1].strip("\"'")
    return json_name(name)


def json_name(name: str) -> str:
    """The name in JSON where none is said: camel case.

    >>> json_name("created_at")
    'createdAt'
    """
    first, *others = name.split("_")
    return first + "".join(other[:1].upper() + other[1:] for other in others)
