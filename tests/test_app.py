"""The start: a name that is nearly a setting's is no setting, and a name that is no setting's does no harm."""

from __future__ import annotations

import pytest

from streams.errors import ConfigurationError
from streams.settings import Settings


@pytest.mark.parametrize(("given", "meant"), [("BROKER", "BROKERS"), ("WEBPORT", "WEB_PORT"), ("DATAS", "DATA")])
def test_a_misspelt_setting_is_not_ignored(given: str, meant: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({f"STREAMS_{given}": "b:1"})

    told = [str(problem) for problem in caught.value.problems]
    assert told == [f"STREAMS_{given}: no such setting; did you mean STREAMS_{meant}?"]


def test_what_kubernetes_sets_for_a_service_called_streams_does_no_harm() -> None:
    names = ("SERVICE_HOST", "SERVICE_PORT", "PORT", "PORT_80_TCP", "PORT_80_TCP_ADDR")

    assert Settings.from_env({f"STREAMS_{name}": "10.0.0.1" for name in names}) == Settings()


def test_an_instance_is_fit_for_the_name_of_a_folder() -> None:
    with pytest.raises(ConfigurationError, match="STREAMS_INSTANCE: letters, digits"):
        Settings.from_env({"STREAMS_INSTANCE": "../a"})
