"""The short profile of ``make fuzz``: damaged records through every decoder, in a process that a watchdog ends."""

from __future__ import annotations

from ..fuzz.run import run_inputs
from ..fuzz.targets import all_targets

SHORT = 20_000
SEED = 4


def test_damaged_records_end_in_an_event_a_skip_or_a_typed_reason() -> None:
    report = run_inputs(SEED, range(SHORT))

    assert report.findings == ()
    assert sum(report.outcomes.values()) == SHORT
    # Each decoder took some records and refused some: the damage is neither everywhere nor nowhere.
    for target in all_targets():
        reasons = {name.partition(": ")[2] for name in report.outcomes if name.startswith(f"{target.name}: ")}
        assert reasons & {"decode_failed", "log_error"}, target.name
        assert reasons & {"(event)", "(skipped)", "contract_violation", "(messages)"}, target.name
