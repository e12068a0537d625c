"""Course: one fault after the other, each with its recovery and a quiet stretch, and what is watched meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable

from .arena import SoakArena
from .canary import MISSING_S, Watch, Window, percentile
from .notes import Alarm, Struck
from .page import clock
from .sampling import Sampler
from .strikes import Strikes
from .verdict import BACK_S

WARM_UP_S = 30.0
BASE_S = 60.0
"""Of so long a stretch in which nothing is broken the canaries' latency is the base."""
GOOD_S = 2.0
LONGEST_WARM_UP_S = 300.0
"""If it is not as good as that, the best of so long a time is taken: the machine may be busy otherwise."""
CALM_S = 25.0
"""The latency is back when that of all canaries of so long a stretch is."""
QUIET_S = (15.0, 60.0)
"""After each fault, from and to."""
RECOVERY_S = 300.0
SAY_S = 30.0


class Course:
    """What is broken now, what was, and since when."""

    def __init__(self, arena: SoakArena, watch: Watch, sampler: Sampler, say: Callable[[str], None]) -> None:
        self._arena = arena
        self._watch = watch
        self._sampler = sampler
        self._notes = arena.notes
        self._say = say
        self._windows: list[Window] = []
        self._open_s: float | None = None
        """Since when something is broken."""
        self._state = "warming up"
        self._struck = 0
        self._alarms = 0
        self._said_s = 0.0
        self.base_s = 0.0
        self.is_asked_to_end = False
        self.trouble: list[str] = []

    @property
    def limit_s(self) -> float:
        """Latencies up to this are those of the base: twice its p99 and half a second."""
        return 2 * self.base_s + 0.5

    def run_each(self, strikes: Strikes) -> None:
        """Every kind of fault once, whatever the time."""
        self._measure_base()
        for name in strikes.kinds:
            if not self.is_asked_to_end:
                self._strike(name, strikes)
                self._pass_quietly(QUIET_S[0])

    def run(self, strikes: Strikes, chance: random.Random, hours: float) -> None:
        """Until the time is over, or somebody asks for the end; then all that was broken is whole."""
        begun_s = self._notes.clock()
        self._measure_base()
        is_spared = False
        while self._notes.clock() < begun_s + hours * 3_600 and not self.is_asked_to_end:
            if not is_spared and self._notes.clock() > begun_s + hours * 1_200:
                strikes.spare_witness()
                is_spared = True
            self._strike(strikes.draw(), strikes)
            self._pass_quietly(chance.uniform(*QUIET_S))

    def _pass_quietly(self, seconds: float) -> None:
        self._state = "quiet"
        self._arena.let_pass(seconds, until=lambda: self.is_asked_to_end)

    def _measure_base(self) -> None:
        """The best of the first minutes: right after their start brokers and workers are slow."""
        self._pass_quietly(WARM_UP_S)
        begun_s, seen = self._notes.clock(), list[float]()
        while not self.is_asked_to_end and self._notes.clock() < begun_s + LONGEST_WARM_UP_S:
            from_s = self._notes.clock()
            self._pass_quietly(BASE_S)
            if (p99 := percentile(self._watch.latencies(from_s, self._notes.clock()), 0.99)) is not None:
                seen.append(p99)
            if min(seen, default=GOOD_S) < GOOD_S and not self._watch.is_late(self._notes.clock(), GOOD_S):
                break
        self.base_s = min(seen, default=0.0)
        self._say(f"the canaries' p99 latency is {self.base_s:.2f} s while nothing is broken; now faults")

    def _strike(self, name: str, strikes: Strikes) -> None:
        begun_s = self._notes.clock()
        self._struck += 1
        self._state, self._open_s = name, begun_s
        self._say(f"{clock(begun_s)}  fault {self._struck}: {name}")
        detail = self._do(strikes, name)
        healed_s, self._open_s = self._notes.clock(), None
        self._windows.append((begun_s, healed_s))
        self._state = f"recovering from: {name}"
        self._arena.await_recovery(patience_s=RECOVERY_S)
        back_s = self._await_back(healed_s)
        self._notes.add(Struck(number=self._struck, name=name, detail=detail, begun_s=begun_s, healed_s=healed_s,
                               back_s=back_s))  # fmt: skip
        took = "latency not back in time" if back_s is None else f"latency back after {back_s - healed_s:.0f} s"
        self._say(f"{clock(self._notes.clock())}  fault {self._struck}: {detail}; {took}")

    def _do(self, strikes: Strikes, name: str) -> str:
        """What a strike says; one that cannot be carried out is trouble of the soak's own, and no end of it."""
        try:
            return strikes.kinds[name].strike()
        except AssertionError:
            raise  # of the arena: a worker ended as it should not, or something did not come
        except Exception as error:
            self.trouble.append(f"{name}: {type(error).__name__}: {error}")
            self._say(f"this fault could not be made: {self.trouble[-1]}")
            strikes.undo()
            return "could not be made"

    def _await_back(self, healed_s: float) -> float | None:
        """When the latency was back for good, at the earliest when the fault was healed; ``None``: not in time."""

        def is_back() -> bool:
            now_s = self._notes.clock()
            return now_s >= healed_s + CALM_S and self._watch.is_calm(now_s - CALM_S, now_s, self.limit_s)

        self._arena.let_pass(healed_s + BACK_S + CALM_S - self._notes.clock(), until=is_back)
        return max(healed_s, self._notes.clock() - CALM_S) if is_back() else None

    # -- what goes on meanwhile

    def look(self) -> None:
        """Several times a second: canaries that are missing are told, and how things stand."""
        now_s = self._notes.clock()
        broken = self._windows if self._open_s is None else [*self._windows, (self._open_s, now_s)]
        for partition, sent_s in self._watch.missing(now_s, broken):
            text = f"canary of partition {partition}, sent at {clock(sent_s)}, missing for more than {MISSING_S:.0f} s"
            self._alarms += 1
            self._notes.add(Alarm(at_s=now_s, text=text))
            self._say(f"{clock(now_s)}  ALARM: {text}")
        if now_s - self._said_s >= SAY_S:
            self._said_s = now_s
            self._say(self._line(now_s))

    def _line(self, now_s: float) -> str:
        head = f"{clock(now_s)}  {self._struck} faults, {self._alarms} alarms  {self._state}"
        if (last := self._sampler.last) is None:
            return head
        rss = " ".join(f"{name} {held.rss_mib:.0f}" for name, held in sorted(last.workers.items()))
        lag, p99 = "?" if last.lag is None else f"{last.lag:,}", "?" if last.p99_s is None else f"{last.p99_s:.2f} s"
        return f"{head}  lag {lag}  canary p99 {p99}  MiB {rss}"
