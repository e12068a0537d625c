"""HTML: the dictionary as one file that loads nothing and can be searched. What people wrote is text there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib.resources import files

from .facts import ColumnFacts, DatasetFacts, Dictionary, PipelineFacts, Term, VersionFacts
from .markdown import guide, guide_title, verdict

_PLACES = ("<!--list-->", "<!--entries-->", "<!--count-->")


def to_html(dictionary: Dictionary) -> str:
    """The page."""
    page = files("streams.governance.dictionary").joinpath("page.html").read_text("utf-8")
    entries = [
        *map(_dataset, dictionary.datasets), *map(_pipeline, dictionary.pipelines), *map(_term, dictionary.terms)
    ]  # fmt: skip
    listed = "".join(_links(dictionary))
    groups = (("dataset", dictionary.datasets), ("pipeline", dictionary.pipelines), ("word", dictionary.terms))
    count = ", ".join(f"{len(held)} {name}{'' if len(held) == 1 else 's'}" for name, held in groups)
    for place, text in zip(_PLACES, (listed, "\n".join(entries), count), strict=True):
        page = page.replace(place, text, 1)
    return page


def anchor(kind: str, name: str) -> str:
    """The id of an entry; also in an address."""
    return f"{kind}-{name}"


def _links(dictionary: Dictionary) -> Iterator[str]:
    yield from _group("Datasets", "dataset", [held.name for held in dictionary.datasets])
    yield from _group("Pipelines", "pipeline", [held.name for held in dictionary.pipelines])
    yield from _group("Glossary", "word", [held.word for held in dictionary.terms])


def _group(title: str, kind: str, names: list[str]) -> Iterator[str]:
    if names:
        links = "".join(f"<li>{_link(kind, name)}</li>" for name in names)
        yield f"<details{' open' if kind != 'word' else ''}><summary>{title}</summary><ul>{links}</ul></details>"


def _link(kind: str, name: str) -> str:
    return f'<a href="#{escape(anchor(kind, name))}">{escape(name)}</a>'


def _entry(kind: str, name: str, title: str, body: str) -> str:
    head = f'<h2>{escape(title)} <span class="kind">{kind}</span></h2>'
    return f'<section class="entry" id="{escape(anchor(kind, name))}">{head}{body}</section>'


def _table(rows: Iterable[Mapping[str, str]], title: str = "") -> str:
    listed = list(rows)
    if not listed:
        return ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in listed[0])
    lines = "".join(
        f"<tr>{''.join(f'<td>{escape(value)}</td>' for value in row.values())}</tr>" for row in listed
    )  # fmt: skip
    caption = f"<h3>{escape(title)}</h3>" if title else ""
    return f"{caption}{_framed(head, lines)}"


def _framed(head: str, lines: str) -> str:
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
    return f'<div class="scroll" tabindex="0">{table}</div>'


def _dataset(held: DatasetFacts) -> str:
    said = "".join(f"<p>{escape(line)}</p>" for line in held.description.splitlines())
    about = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in held.about.items())
    parts = [
        f'<p class="name">{escape(held.name)}</p>', said, f"<dl>{about}</dl>", _columns(held.columns),
        _table(held.quality, "Rules of quality"), _table(held.sla, "Service levels"), _table(held.uses, "Who uses it"),
        _table(held.origins, "Where its columns come from"), "<h3>Versions</h3>", *map(_version, held.versions),
    ]  # fmt: skip
    return _entry("dataset", held.name, held.title, "".join(parts))


def _columns(columns: Iterable[ColumnFacts]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in ("column", "type", "may lack", "what", "rules"))
    lines = "".join(map(_column, columns))
    return f"<h3>Columns</h3>{_framed(head, lines)}"


def _column(held: ColumnFacts) -> str:
    marks = '<span class="chip">key</span>' if held.is_key else ""
    marks += f'<span class="chip class">{escape(held.classification)}</span>' if held.classification else ""
    title = f"<b>{escape(held.title)}</b> " if held.title else ""
    source = f'<br><span class="soft">{escape(held.source)}</span>' if held.source else ""
    cells = (
        f"<code>{escape(held.path)}</code> {marks}", f"{escape(held.type)}{source}", escape(held.may_lack),
        f"{title}{escape(held.description)}", escape(held.rules),
    )  # fmt: skip
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _version(held: VersionFacts) -> str:
    if not held.before:
        return f'<p><b class="version">{escape(held.version)}</b> the first</p>'
    breaks = '<span class="chip class">breaks</span>' if held.is_breaking else ""
    head = f'<p><b class="version">{escape(held.version)}</b> {breaks} {escape(verdict(held))}</p>'
    changes = _table(
        {"change": one.message, "where": one.path, "breaks": ", ".join(one.breaks), "instead": one.hint}
        for one in held.differences
    )
    guides = "".join(
        _table(guide(held, way), guide_title(held, way))
        for way, rules in (("up", held.up), ("down", held.down)) if rules is not None
    )  # fmt: skip
    return f"{head}{changes}{guides}"


def _pipeline(held: PipelineFacts) -> str:
    outputs = ", ".join(held.outputs) or "nothing"
    said = f"<p>Reads {escape(held.topic)} under {_link('dataset', held.contract)}; gives {escape(outputs)}.</p>"
    return _entry("pipeline", held.name, held.name, said + _table(held.lineage, "Where columns come from"))


def _term(held: Term) -> str:
    meanings = "".join(
        f"<li>{_link('dataset', dataset)} <code>{escape(path)}</code> {escape(text)}</li>"
        for dataset, path, text in held.meanings
    )
    return _entry("word", held.word, held.word, f"<ul>{meanings}</ul>")
