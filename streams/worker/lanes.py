"""Lanes: it is told once which pipelines go the quick way in C. What comes of them is the same without."""

from __future__ import annotations

import logging

from streams.native.load import extension
from streams.pipeline.topology import Topology

from .metrics import WorkerMetrics

logger = logging.getLogger("streams.worker")


def tell_lanes(topology: Topology, metrics: WorkerMetrics, *, is_wanted: bool) -> None:
    """Into the log and the metrics, stages by names of their own; ``is_wanted``: the settings say so."""
    plans = [plan for sub in topology.subtopologies for plan in sub.plans]
    for plan in plans:
        metrics.lanes.labels(plan.name).set(plan.lane is not None)
    if not is_wanted:
        logger.info("native code is switched off: Python does it all")
    elif extension is None:
        logger.info("native code was not built, for which a C compiler is needed: Python does it all")
    else:
        quick = sorted(plan.name for plan in plans if plan.lane is not None)
        logger.info("plain records go the quick way in C in: %s", ", ".join(quick) or "no pipeline")
