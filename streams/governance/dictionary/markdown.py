"""Markdown: the dictionary as pages that any forge shows. What people wrote is text there, and never markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from .facts import ColumnFacts, DatasetFacts, Dictionary, PipelineFacts, VersionFacts

_MARKUP = re.compile(r"([\\`*_\[\]|~$])")
_AT_START = re.compile(r"^(\d+(?=[.)])|(?=[#+\-=]))")
_SPACES = re.compile(r"\s+")


def to_markdown(dictionary: Dictionary) -> Mapping[str, str]:
    """By path: an index, a page for each dataset, the pipelines and the glossary."""
    pages = {f"datasets/{page_name(held.name)}.md": "\n".join(_dataset(held)) for held in dictionary.datasets}
    return {
        "README.md": "\n".join(_index(dictionary)),
        **pages,
        "pipelines.md": "\n".join(_pipelines(dictionary.pipelines)),
        "glossary.md": "\n".join(_glossary(dictionary)),
    }


def escaped(text: str) -> str:
    """``text`` as one line that is shown as it is.

    >>> escaped("a_b <script>")
    'a\\\\_b &lt;script&gt;'
    """
    plain = _SPACES.sub(" ", text.strip().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return _AT_START.sub(r"\1\\", _MARKUP.sub(r"\\\1", plain))


def page_name(dataset: str) -> str:
    """``com.acme.shop/orders`` as ``com.acme.shop.orders``."""
    return dataset.replace("/", ".")


def _table(rows: Iterable[Mapping[str, str]], names: Iterable[str]) -> Iterator[str]:
    names = list(names)
    yield f"| {' | '.join(names)} |"
    yield f"|{' --- |' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(escaped(row[name]) for name in names)} |"
    yield ""


def _section(title: str, rows: tuple[Mapping[str, str], ...]) -> Iterator[str]:
    if rows:
        yield from (f"## {title}", "")
        yield from _table(rows, rows[0])


def _index(dictionary: Dictionary) -> Iterator[str]:
    yield from ("# Data dictionary", "", "[Pipelines](pipelines.md) · [Glossary](glossary.md)", "")
    yield from ("| dataset | what | owner | newest | columns | classified |", "| --- | --- | --- | --- | --- | --- |")
    for held in dictionary.datasets:
        classified = sum(1 for column in held.columns if column.classification)
        first = held.description.partition("\n")[0]
        link = f"[{escaped(held.name)}](datasets/{page_name(held.name)}.md)"
        cells = (escaped(first), escaped(held.about.get("owner", "")), held.versions[0].version, str(len(held.columns)))
        yield f"| {link} | {' | '.join(cells)} | {classified or ''} |"
    yield ""


def _dataset(held: DatasetFacts) -> Iterator[str]:
    yield from (f"# {escaped(held.title)}", "")
    for line in held.description.splitlines():
        yield from (escaped(line), "")
    yield from _table([{"": name, " ": text} for name, text in held.about.items()], ("", " "))
    yield from ("## Columns", "")
    yield from _table(map(_column, held.columns), _column(held.columns[0]) if held.columns else ("column",))
    yield from _section("Rules of quality", held.quality)
    yield from _section("Service levels", held.sla)
    yield from _section("Who uses it", held.uses)
    yield from _section("Where its columns come from", held.origins)
    yield from ("## Versions", "")
    for version in held.versions:
        yield from _version(version)


def _column(column: ColumnFacts) -> dict[str, str]:
    name = f"{column.path} (key)" if column.is_key else column.path
    title = f"{column.title}: " if column.title and column.description else column.title
    return {
        "column": name, "type": column.type, "may lack": column.may_lack, "source": column.source,
        "rules": column.rules, "class": column.classification, "description": f"{title}{column.description}",
    }  # fmt: skip


def _version(held: VersionFacts) -> Iterator[str]:
    yield from (f"### {held.version}", "")
    if not held.before:
        yield from ("The first.", "")
        return
    yield from (escaped(verdict(held)), "")
    changes = [{"change": one.message, "where": one.path, "breaks": ", ".join(one.breaks), "instead": one.hint}
               for one in held.differences]  # fmt: skip
    if changes:
        yield from _table(changes, changes[0])
    for title, rules in (("up", held.up), ("down", held.down)):
        if rules is not None:
            yield from (f"**{guide_title(held, title)}**", "")
            yield from _table(guide(held, title), ("column", "by"))


def verdict(held: VersionFacts) -> str:
    """What a version means for those who have the one before."""
    reads = "reads all rows" if held.is_backward else "does not read all rows"
    bears = "and its rows are read by" if held.is_forward else "and not all of its rows are read by"
    return f"After {held.before}: {held.bump}. It {reads} of {held.before}, {bears} {held.before}."


def guide_title(held: VersionFacts, way: str) -> str:
    """What the way of a migration does."""
    first, second = (held.before, held.version) if way == "up" else (held.version, held.before)
    return f"From {first} to {second}"


def guide(held: VersionFacts, way: str) -> list[dict[str, str]]:
    """Lines of a migration: columns that are computed; the others go along or are left behind."""
    rules = (held.up if way == "up" else held.down) or {}
    rows = [{"column": name, "by": text} for name, text in rules.items()]
    return [*rows, {"column": "all others", "by": "as they are, where both versions have them"}]


def _pipelines(pipelines: Iterable[PipelineFacts]) -> Iterator[str]:
    yield from ("# Pipelines", "")
    for held in pipelines:
        yield from (f"## {escaped(held.name)}", "")
        outputs = ", ".join(held.outputs) or "nothing"
        yield from (escaped(f"Reads {held.topic} under {held.contract}; gives {outputs}."), "")
        yield from _table(held.lineage, ("output", "column", "comes from"))


def _glossary(dictionary: Dictionary) -> Iterator[str]:
    yield from ("# Glossary", "")
    for term in dictionary.terms:
        yield from (f"**{escaped(term.word)}**", "")
        for dataset, path, text in term.meanings:
            link = f"[{escaped(dataset)}](datasets/{page_name(dataset)}.md)"
            yield f"- {link}, {escaped(path)}: {escaped(text)}"
        yield ""
