"""``streams contracts docs``: the data dictionary, for people."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from streams.contracts import Contracts
from streams.contracts.exports import Exported
from streams.contracts.registry import MemoryRegistry
from streams.dsl import load_modules
from streams.errors import ConfigurationError
from streams.governance.dictionary import collect, to_html, to_markdown
from streams.governance.dictionary.facts import Dictionary
from streams.governance.files import read_files
from streams.governance.matrix import pipeline_uses, read_matrix
from streams.pipeline.compile import compile_topology
from streams.pipeline.grammar import read_pipelines
from streams.quality.book import read_quality
from streams.settings import Settings

from .export import deliver, usable
from .output import output_option, schemas_option

FORMATS = ("html", "markdown")


@click.command()
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR|FILE", help="Write there.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Only that [default: both].")
@schemas_option
@output_option
def docs(out: Path | None, form: str | None, schemas: Path | None, output: str) -> None:
    """Write the data dictionary and glossary: Markdown pages, and one HTML file that can be searched.

    \b
      streams contracts docs --out dictionary
      streams contracts docs --format html --out dictionary.html

    It has each dataset with its columns, classes, rules, owner, versions and what they changed, how rows go from one
    version to the next, who reads and writes it, and the lineage of every column that pipelines publish.
    """
    dictionary = _dictionary(usable(schemas), schemas or Settings.from_env().schemas)
    files = list(_files(dictionary, form))
    deliver(files, out, output, is_one=form == "html")


def _files(dictionary: Dictionary, form: str | None) -> Iterable[Exported]:
    if form in (None, "markdown"):
        yield from (Exported(path=path, text=text) for path, text in to_markdown(dictionary).items())
    if form in (None, "html"):
        yield Exported(path="index.html", text=to_html(dictionary))


def _dictionary(contracts: Contracts, folder: Path) -> Dictionary:
    """Everything that the files say; raises ``ConfigurationError``."""
    held = read_files(folder)
    book, found = read_quality(contracts)
    problems = list(found)
    said = read_matrix(held, contracts, problems)
    pipelines, unreadable = read_pipelines(contracts.pipeline_texts)
    problems += unreadable
    if problems:
        raise ConfigurationError(problems)
    built = load_modules(Settings.from_env().pipeline_modules)
    topology = compile_topology(
        contracts, app="docs", mask_key=b"only to look", registry=MemoryRegistry(), built=built
    )  # fmt: skip
    uses = (*said, *pipeline_uses((*pipelines, *built), contracts))
    return collect(contracts, topology.plans, uses, book, held)
