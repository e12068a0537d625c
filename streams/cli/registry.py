"""``streams registry``: a schema registry over ``schemas/`` and what clients register."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import click

from streams.contracts import Contracts, load_contracts
from streams.registry.serve import open_registry, serve
from streams.registry.web.app import make_app
from streams.settings import Settings

from .output import JsonLines, output_option

PORT = 8081


@click.group()
def command() -> None:
    """A schema registry: Confluent's REST interface, Iglu's paths, search and a page to browse.

    \b
      streams registry serve                              on http://127.0.0.1:8081
      curl http://127.0.0.1:8081/subjects                 what there is
      curl 'http://127.0.0.1:8081/search?q=field:email'   who has an e-mail address
      export STREAMS_REGISTRY=http://127.0.0.1:8081       workers and captures use it
    """


@command.command(name="serve")
@click.option("--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="0: a free one.")
@click.option("--host", default="127.0.0.1", show_default=True,
              help="Address to listen on. Whoever reaches it may register and delete: there are no passwords.")
@click.option("--schemas", "folder", type=click.Path(path_type=Path, file_okay=False),
              help="Folder whose schemas are served as well [default: STREAMS_SCHEMAS, else schemas].")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False),
              help="Folder for what clients register [default: registry in STREAMS_DATA].")
@output_option
def serve_registry(port: int, host: str, folder: Path | None, data: Path | None, output: str) -> None:
    """Serve until Ctrl-C.

    Serializers and tools of Kafka use it as they use Confluent's: its URL is their schema.registry.url. What they
    register is on disk before they get their id, and ids are never given twice.

    A file such as schemas/com.acme.shop/orders/jsonschema/1-0-0 is a version of the subject com.acme.shop.orders;
    clients read it and cannot change it. A new file is served after the next start.

    Exit codes: 0 after Ctrl-C or SIGTERM, 2 where a file, the folder or the port cannot be used.
    """  # fmt: skip
    settings = Settings.from_env()
    contracts = _contracts(folder, settings)
    registry = open_registry((data or settings.data / "registry").absolute(), contracts)
    logging.basicConfig(level=logging.INFO)
    if output == "json":
        logging.getLogger().handlers[0].setFormatter(JsonLines())
    subjects = len(registry.catalog.subjects())

    def say(url: str) -> None:
        click.echo(json.dumps({"url": url, "subjects": subjects}) if output == "json"
                   else f"registry on {url}, {subjects} subjects; Ctrl-C ends it")  # fmt: skip

    asyncio.run(serve(make_app(registry, contracts), host, port, say=say))


def _contracts(folder: Path | None, settings: Settings) -> Contracts | None:
    """``None``: no folder was named, and the usual one is not there."""
    if folder is None and not settings.schemas.is_dir():
        click.echo(f"no folder {settings.schemas}: only what clients register is served", err=True)
        return None
    return load_contracts(folder or settings.schemas)
