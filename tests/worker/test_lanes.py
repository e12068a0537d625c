"""Who looks at a worker sees which pipelines go the quick way, and why none does."""

from __future__ import annotations

import logging

import pytest
from prometheus_client import generate_latest

from streams.native.load import extension
from streams.worker.lanes import tell_lanes
from streams.worker.metrics import WorkerMetrics

from ..pipeline.lane.app import JOINED, OF_USERS, an_app
from ..pipeline.lane.ways import NATIVE, PYTHON


@pytest.mark.parametrize("is_wanted", [True, False])
def test_log_and_metric_say_whether_a_pipeline_has_a_lane(is_wanted: bool, caplog: pytest.LogCaptureFixture) -> None:
    if is_wanted and extension is None:
        pytest.skip("native code was not built: is there a C compiler?")
    metrics = WorkerMetrics()
    with caplog.at_level(logging.INFO, logger="streams.worker"):
        tell_lanes(NATIVE if is_wanted else PYTHON, metrics, is_wanted=is_wanted)

    (said,) = caplog.messages
    assert said == (
        "plain records go the quick way in C in: orders"
        if is_wanted
        else "native code is switched off: Python does it all"
    )
    assert f'cdc_native_lane{{pipeline="orders"}} {float(is_wanted)}' in generate_latest(metrics.registry).decode()


@pytest.mark.skipif(extension is None, reason="native code was not built: is there a C compiler?")
def test_stages_are_told_by_their_own_names(caplog: pytest.LogCaptureFixture) -> None:
    metrics = WorkerMetrics()
    with caplog.at_level(logging.INFO, logger="streams.worker"):
        tell_lanes(an_app(OF_USERS, JOINED, native=True), metrics, is_wanted=True)

    names = "orders, orders-by-country-label, orders-by-odd"
    assert caplog.messages == [f"plain records go the quick way in C in: {names}"]
    told = generate_latest(metrics.registry).decode()
    assert 'cdc_native_lane{pipeline="orders-by-odd"} 1.0' in told
    assert 'cdc_native_lane{pipeline="orders-by-state"} 0.0' in told
