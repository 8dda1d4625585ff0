"""How soon a scanner that vanished is an alert, and how scanners come back to a broker that was away: real processes, real Mosquitto.

The agent is halted, not killed: its connection stays open and says nothing, as in a dead spot.
"""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from chain_world import Chain, Process, chain
from collecting import cpu_s
from measures import Measure, at_most
from province_world import scanner

from edge_agent.link.broker_link import BrokerLink, Connected, Event
from province.watch.fleet_rules import Trouble
from province.watch.fleet_store import FleetStore

_KEEPALIVE_S = 10
_TIMES = 3
_DEVICES = 80
_AWAY_S = 5.0
_LONGEST_S = 120.0
_MOMENT_S = 0.25
_WHILE_S = 30.0


def _is_offline(store: FleetStore) -> bool:
    return any(alert.trouble is Trouble.OFFLINE for alert in store.alerts(None))


def _await(watch: Process, store: FleetStore, *, offline: bool) -> None:
    watch.until(lambda: bool(store.devices(None)[0].status) and _is_offline(store) == offline, f"offline={offline}")


def _weighed(pid: int) -> tuple[float, float]:
    """What the agent holds in memory in MB, and its share of a core in percent over a while."""
    before_s, began_s = cpu_s(pid), time.monotonic()
    threading.Event().wait(_WHILE_S)
    share = (cpu_s(pid) - before_s) / (time.monotonic() - began_s) * 100
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines() if ":" in line)
    return int(status["VmRSS"].split()[0]) / 1024, share


def _missed_s(world: Chain, folder: Path) -> tuple[float, tuple[float, float]]:
    """The longest time from the halt of a device until its alert, and what its agent weighed while all was well."""
    config = world.gate.config
    config.write_text(config.read_text().replace("[agent]\n", f"[agent]\nkeepalive_s = {_KEEPALIVE_S}\ntelemetry_s = 5\n"))
    watch = Process(folder / "watch.log", "province", "watch", str(world.layout.root))
    world.stack.callback(watch.end)
    watch.start()
    watch.wait_until_logged("connected to the broker")
    world.gate.agent.start()
    taken_s = []
    with FleetStore(world.layout.fleet_store) as store:
        _await(watch, store, offline=False)
        weighed = _weighed(world.gate.agent.pid)
        for _ in range(_TIMES):
            _await(watch, store, offline=False)
            world.gate.agent._process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
            began_s = time.monotonic()
            _await(watch, store, offline=True)
            taken_s.append(time.monotonic() - began_s)
            world.gate.agent._process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]
    return max(taken_s), weighed


def _storm(world: Chain, folder: Path) -> float:
    """The share of devices that come back to a restarted broker within the same quarter of a second."""
    back: list[float] = []
    all_back = threading.Event()

    def heard(event: Event) -> None:
        if isinstance(event, Connected):
            back.append(time.monotonic())
            if len(back) == _DEVICES:
                all_back.set()

    with ExitStack() as links:
        for number in range(_DEVICES):
            device = scanner(world.layout, folder, f"storm-{number}")
            link = BrokerLink(device.endpoint, str(device.name), [], heard)
            links.callback(link.stop)
            link.start()
        if not all_back.wait(_LONGEST_S):
            raise TimeoutError(f"{len(back)} of {_DEVICES} connected")
        world.broker.stop()
        threading.Event().wait(_AWAY_S)
        back.clear()
        all_back.clear()
        world.broker.start()
        if not all_back.wait(_LONGEST_S):
            raise TimeoutError(f"{len(back)} of {_DEVICES} came back")
    return max(sum(at_s <= other_s < at_s + _MOMENT_S for other_s in back) for at_s in back) / _DEVICES


def measure() -> list[Measure]:
    """Both figures."""
    with tempfile.TemporaryDirectory() as name, chain(Path(name)) as world:
        world.broker.start()
        bound_s = _KEEPALIVE_S * 1.5 + 5
        missed_s, (resident_mb, share_percent) = _missed_s(world, Path(name))
        share = _storm(world, Path(name))
    return [
        at_most(f"a halted scanner is an alert (keep-alive {_KEEPALIVE_S} s)", missed_s, "s", bound_s),
        at_most(f"of {_DEVICES} scanners, come back to a restarted broker within one {_MOMENT_S:g} s", share, "of all", 0.34),
        at_most("the agent, resident", resident_mb, "MB", 50),
        at_most("the agent, telemetry each 5 s and nothing else to do", share_percent, "% of a core", 1),
    ]
