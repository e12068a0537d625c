"""Strikes: what may break in a soak. Each breaks something for a while and returns when it has been healed.

Which comes next, whom it strikes and for how long is drawn from the seed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.faults import test_source, test_state
from tests.faults.arena import SESSION_S
from tests.faults.brokers import Brokers
from tests.faults.feeding import Feeder
from tests.faults.proxy import Weather
from tests.faults.test_disk import SLOW

from .arena import GUEST, WORKERS, SoakArena

DAMAGES = (test_state.table_files, test_state.manifest, test_state.current, test_state.marker_gone,
           test_state.marker_ahead, test_state.foreign)  # fmt: skip
DISK_MB = 4_096
PATIENCE_S = 300.0
"""Until brokers are whole: other things may run on this machine, too."""
WITNESS = WORKERS[-1]
"""After a part of the run nobody strikes its process, so that one has lived for long at the end."""


@dataclass(frozen=True, kw_only=True)
class Strike:
    """A kind of fault."""

    weight: int
    strike: Callable[[], str]
    """Says whom it struck, and for how long."""
    spares_witness: bool = True


class Strikes:
    """All of them."""

    def __init__(self, arena: SoakArena, network: Brokers, feeder: Feeder, chance: random.Random) -> None:
        self._arena = arena
        self._network = network
        self._feeder = feeder
        self._chance = chance
        self._poison = 0
        self._victims = list(WORKERS)
        self.kinds = {
            "kill a worker": Strike(weight=3, strike=self._kill),
            "kill two workers": Strike(weight=2, strike=self._kill_two),
            "kill all workers": Strike(weight=2, strike=self._kill_all, spares_witness=False),
            "restart a worker": Strike(weight=3, strike=self._restart),
            "a worker asleep": Strike(weight=2, strike=self._sleep),
            "a worker comes and goes": Strike(weight=2, strike=self._guest),
            "state lost": Strike(weight=2, strike=self._lose_state),
            "state broken": Strike(weight=2, strike=self._break_state),
            "kill a broker": Strike(weight=3, strike=self._kill_broker),
            "restart a broker": Strike(weight=2, strike=self._restart_broker),
            "a broker asleep": Strike(weight=2, strike=self._stall_broker),
            "kill all brokers": Strike(weight=1, strike=self._kill_brokers),
            "a worker cut off": Strike(weight=3, strike=self._cut),
            "a slow network": Strike(weight=2, strike=self._slow_network),
            "connections break": Strike(weight=2, strike=self._break_connections),
            "poison": Strike(weight=3, strike=self._feed_poison),
            **({"a slow disk": Strike(weight=2, strike=self._slow_disk)} if arena.slow_flag else {}),
            **({"a full disk": Strike(weight=2, strike=self._fill_disk)} if arena.disk else {}),
        }

    def spare_witness(self) -> None:
        """From now on one worker's process is left alone."""
        self._victims.remove(WITNESS)

    def draw(self) -> str:
        """The next kind."""
        spares = WITNESS not in self._victims
        kinds = [name for name, kind in self.kinds.items() if kind.spares_witness or not spares]
        return self._chance.choices(kinds, [self.kinds[name].weight for name in kinds])[0]

    def undo(self) -> None:
        """Make whole whatever a strike that went wrong has left broken."""
        if self._arena.slow_flag is not None:
            self._arena.slow_flag.unlink(missing_ok=True)
        if self._arena.disk is not None:
            resize(self._arena.disk, DISK_MB)
        for name, worker in list(self._arena.workers.items()):
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
            elif name != GUEST:
                self._arena.restart(name)
        self._arena.retire(GUEST)
        self._mend()

    def _pick(self) -> str:
        return self._chance.choice(self._victims)

    # -- workers

    def _kill(self) -> str:
        return self._kill_these(self._pick())

    def _kill_two(self) -> str:
        return self._kill_these(*self._chance.sample(self._victims, 2))

    def _kill_all(self) -> str:
        return self._kill_these(*WORKERS)

    def _kill_these(self, *names: str) -> str:
        for name in names:
            self._arena.kill(name)
        for name in names:
            self._arena.restart(name)
        return " and ".join(names)

    def _restart(self) -> str:
        name = self._pick()
        self._arena.stop_one(name)
        code = self._arena.workers[name].returncode
        assert code == 0, f"asked to stop, {name} ends with {code}"
        self._arena.restart(name)
        return name

    def _sleep(self) -> str:
        name, seconds = self._pick(), self._chance.uniform(1.1, 2.0) * SESSION_S
        worker = self._arena.workers[name]
        worker.send_signal(signal.SIGSTOP)
        self._arena.let_pass(seconds)
        worker.send_signal(signal.SIGCONT)
        return f"{name}, {seconds:.0f} s"

    def _guest(self) -> str:
        self._arena.restart(GUEST)
        self._arena.await_that(lambda: self._arena.has_tasks(GUEST), "tasks for who has joined")
        self._arena.let_pass(self._chance.uniform(2.0, 10.0))
        leaves = self._chance.random() < 0.7
        if leaves:
            self._arena.stop_one(GUEST)
        self._arena.retire(GUEST)
        return f"{GUEST}, {'stopped' if leaves else 'killed'}"

    # -- what they have on the disk

    def _lose_state(self) -> str:
        name = self._pick()
        self._arena.kill(name)
        shutil.rmtree(self._arena.folder / "data" / self._arena.app / name, ignore_errors=True)
        self._arena.restart(name)
        return name

    def _break_state(self) -> str:
        name, damage = self._pick(), self._chance.choice(DAMAGES)
        self._arena.stop_one(name)
        stores = sorted(file.parent for file in self._state(name).rglob("CURRENT"))
        for store in stores if damage is not test_state.table_files else filter(_has_tables, stores):
            damage(store)
        self._arena.restart(name)
        return f"{name}, {damage.__name__.replace('_', ' ')}, {len(stores)} stores"

    def _state(self, name: str) -> Path:
        return self._arena.folder / "data" / self._arena.app / name

    def _slow_disk(self) -> str:
        assert self._arena.slow_flag is not None
        seconds = self._chance.uniform(10.0, 40.0)
        self._arena.slow_flag.touch()
        self._arena.let_pass(seconds)
        self._arena.slow_flag.unlink()
        return f"{seconds:.0f} s"

    def _fill_disk(self) -> str:
        disk, leave_mb = self._arena.disk, self._chance.choice((0, 2))
        assert disk is not None
        while not resize(disk, _used_mb(disk) + leave_mb):
            self._arena.let_pass(0.2)  # it has grown meanwhile, and cannot be smaller than what is in it
        seconds = self._chance.uniform(10.0, 30.0)
        self._arena.let_pass(seconds)
        resize(disk, DISK_MB)
        return f"{leave_mb} MB left, {seconds:.0f} s"

    # -- brokers

    def _mend(self) -> None:
        """Until all brokers run and have all copies; workers that end meanwhile are started again."""
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(self._network.mend, patience_s=PATIENCE_S)
            self._arena.let_pass(2 * PATIENCE_S, until=done.done)
            done.result()

    def _kill_broker(self) -> str:
        node = self._chance.choice(self._network.kafka.nodes)
        seconds = self._chance.uniform(1.0, 20.0)
        node.kill()
        self._arena.let_pass(seconds)
        self._mend()
        return f"broker {node.number}, {seconds:.0f} s"

    def _restart_broker(self) -> str:
        node = self._chance.choice(self._network.kafka.nodes)
        node.stop()
        self._mend()
        return f"broker {node.number}"

    def _stall_broker(self) -> str:
        node, seconds = self._chance.choice(self._network.kafka.nodes), self._chance.uniform(3.0, 25.0)
        node.suspend()
        self._arena.let_pass(seconds)
        self._mend()
        return f"broker {node.number}, {seconds:.0f} s"

    def _kill_brokers(self) -> str:
        seconds = self._chance.uniform(5.0, 40.0)
        self._network.kafka.kill()
        self._arena.let_pass(seconds)
        self._mend()
        return f"{seconds:.0f} s"

    # -- the network

    def _cut(self) -> str:
        name, seconds = self._pick(), self._chance.uniform(5.0, 45.0)
        nodes = self._chance.choice(([], [self._chance.choice(self._network.kafka.nodes)]))
        self._network.proxy.cut(*self._network.gates(name, *nodes))
        self._arena.let_pass(seconds)
        self._network.proxy.heal()
        return f"{name} from {f'broker {nodes[0].number}' if nodes else 'all brokers'}, {seconds:.0f} s"

    def _slow_network(self) -> str:
        delay_s, loss, seconds = self._chance.uniform(0.02, 0.2), self._chance.choice((0.0, 0.02)), 30.0
        self._network.proxy.set_weather(Weather(delay_s=delay_s, jitter_s=delay_s / 2, loss=loss))
        self._arena.let_pass(seconds)
        self._network.proxy.heal()
        return f"{delay_s * 1_000:.0f} ms each way, {loss:.0%} loss, {seconds:.0f} s"

    def _break_connections(self) -> str:
        gates, times = len(self._network.proxy.ports), self._chance.randint(3, 15)
        for _ in range(times):
            self._network.proxy.break_connections(*self._chance.sample(range(gates), self._chance.randint(1, gates)))
            self._arena.let_pass(self._chance.uniform(0.2, 2.0))
        return f"{times} times"

    # -- records

    def _feed_poison(self) -> str:
        count = self._chance.choice((10, 300, 3_000))
        self._feeder.send(test_source.poison(self._poison + number) for number in range(1, count + 1))
        self._poison += count
        return f"{count} records"


def _has_tables(store: Path) -> bool:
    return any(store.glob("*.sst"))


def _used_mb(folder: Path) -> int:
    return -(-shutil.disk_usage(folder).used // (1 << 20))


def resize(disk: Path, size_mb: int) -> bool:
    """Give the file system below the state so much room; whether that can be."""
    command = ["mount", "-o", f"remount,size={size_mb}m", str(disk)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def mount(disk: Path) -> bool:
    """A file system of its own below the state; only root may make one."""
    disk.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(disk)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


def compile_slow_disk(target: Path) -> bool:
    """What makes writes below a folder slow; needs a C compiler."""
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(target), str(SLOW), "-ldl"]
    return shutil.which("cc") is not None and subprocess.run(command, check=False).returncode == 0
