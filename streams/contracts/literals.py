"""Literals: a Python file's configuration as plain values, with the line of every place in it. Nothing is run."""

from __future__ import annotations

import ast
from typing import Any

from streams.errors import Problem

from .documents import Document, DocumentError, Path


def parse_literal(text: str, file: str, *, name: str) -> Document:
    """The dictionary that the file calls ``name``, or that is all it holds; raises ``DocumentError`` with the line."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        raise DocumentError(Problem(file=file, line=line, message=f"no valid Python: {_what(error)}")) from None
    lines: dict[Path, int] = {}
    try:
        return Document(file=file, value=_plain(_the_literal(tree, file, name), (), lines, file), lines=lines)
    except RecursionError:
        raise DocumentError(Problem(file=file, message="nested too deep")) from None


def _what(error: BaseException) -> str:
    """Without the line's text, which may hold a password."""
    return getattr(error, "msg", None) or "it cannot be parsed"


def _the_literal(tree: ast.Module, file: str, wanted: str) -> ast.expr:
    """The value of ``wanted = {…}``, of the only assignment, or of the only expression."""
    found: dict[str, ast.expr] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.AnnAssign(
                target=ast.Name(id=name), value=ast.expr() as value
            ):
                found[name] = value
            case ast.Expr(value=ast.Constant(value=str())):
                continue
            case ast.Expr(value=ast.Dict() as value):
                found[""] = value
            case _:
                message = f"only {wanted} = {{…}} is read and nothing is run; leave everything else out"
                raise DocumentError(Problem(file=file, line=node.lineno, message=message))
    if wanted in found:
        return found[wanted]
    if len(found) != 1:
        message = f"write {wanted} = {{…}}; there are {len(found)} values to choose from"
        raise DocumentError(Problem(file=file, message=message))
    return next(iter(found.values()))


def _plain(node: ast.expr, path: Path, lines: dict[Path, int], file: str) -> Any:
    lines[path] = node.lineno
    match node:
        case ast.Dict(keys=keys, values=values):
            held: dict[str, Any] = {}
            for key, value in zip(keys, values, strict=True):
                if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                    raise _refused(file, key or value, "keys are text, written out")
                if key.value in held:
                    raise _refused(file, key, f"{key.value!r} is there twice")
                held[key.value] = _plain(value, (*path, key.value), lines, file)
                lines[*path, key.value] = key.lineno
            return held
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_plain(held, (*path, index), lines, file) for index, held in enumerate(items)]
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError):
        raise _refused(file, node, "only literals are read: text, numbers, lists and dictionaries") from None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise _refused(file, node, "text, numbers, lists and dictionaries can stand here")


def _refused(file: str, node: ast.expr, message: str) -> DocumentError:
    return DocumentError(Problem(file=file, line=node.lineno, message=message))
