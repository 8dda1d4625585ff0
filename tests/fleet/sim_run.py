"""One run of a simulated fleet, from power-up to the last comparison: what is done to it, and what was measured meanwhile."""

from __future__ import annotations

import base64
import queue
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import sim_page
from province_world import cli
from sim_conditions import CONDITIONS, FROM_THE_START, WELL
from sim_desk import flaws
from sim_fleet import READY_S, Fleet
from sim_plan import Outcome, Plan
from sim_province import until

from edge_agent.link.broker_link import Arrived, BrokerLink, Connected, Event
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire.topics import ALL_STATUS, ALL_TELEMETRY, DeviceName, parse
from province.base.clock import now_ms
from province.trust import viewers
from province.watch.fleet_rules import Trouble
from province.watch.fleet_store import FleetStore

_REFUSED = ("speaks nonsense", "speaks for another")


def _power_up(fleet: Fleet) -> None:
    absent, mute, silent = (fleet.with_deed(deed) for deed in ("absent", "mute", "silent"))
    for names, trouble in ((absent, Trouble.OFFLINE), (silent, Trouble.SILENT)):
        fleet.expected |= dict.fromkeys(names, frozenset({trouble}))
    mark = fleet.desk.mark()
    with fleet.storm("the power comes: all at once", len(fleet.names) - len(absent)) as begins:
        begins()
        fleet.crowds.do("start")
    tellers = {name for name in fleet.names if name not in {*absent, *mute}}
    fleet.desk.until(lambda desk: {each.name for each in desk.shown[mark:]} >= tellers, READY_S * 2, "all have told how they are")
    fleet.outcome.delays["while all connect"] = fleet.delays(fleet.desk.since(mark))
    fleet.expected |= dict.fromkeys(mute, frozenset({Trouble.OFFLINE}))
    fleet.settled(180)


def _steady(fleet: Fleet) -> None:
    outcome = fleet.outcome
    heard, shown, before, began_s = fleet.crowds.mark(), fleet.desk.mark(), fleet.taken(), time.monotonic()
    time.sleep(fleet.plan.steady_s)
    after = fleet.taken()
    lasted_s = time.monotonic() - began_s
    told = fleet.crowds.since(heard, "told")
    receipted = fleet.crowds.since(heard, "receipted")
    outcome.telemetry_hz = len(told) / lasted_s
    outcome.entries_hz = sum(each["count"] for each in receipted) / lasted_s
    outcome.beat = [each["at_s"] - began_s for each in told]
    outcome.cpu = {name: taken.cpu_since(before[name]) for name, taken in after.items()}
    outcome.rss_mb = {name: taken.rss_mb for name, taken in after.items()}
    outcome.delays["steady"] = fleet.delays(fleet.desk.since(shown))
    outcome.receipts["steady"] = [each["delay_s"] for each in receipted]


def _page(fleet: Fleet) -> None:
    """Somebody looks at the operators' page."""
    with sim_page.served(fleet.layout, fleet.folder) as (service, address, password), sim_page.looked_at(address, password) as browser:
        fleet.outcome.page["first contentful paint"] = sim_page.painted(browser, address)
        heard, before = fleet.crowds.mark(), service.taken()
        shown = sim_page.followed(browser, fleet.plan.steady_s)
        after = service.taken()
        fleet.outcome.cpu["gate-province fleet-page, one browser"] = after.cpu_since(before)
        fleet.outcome.rss_mb["gate-province fleet-page, one browser"] = after.rss_mb
    told_ms = {(each["name"], str(each["today"])): each["at_ms"] for each in reversed(fleet.crowds.since(heard, "told"))}
    fleet.outcome.page["told until it stands on the page"] = [
        (at_ms - told_ms[name, today]) / 1000 for name, today, at_ms in shown if (name, today) in told_ms
    ]


def _troubled(fleet: Fleet) -> None:
    """Things go wrong, each in its way."""
    began_ms = now_ms()
    words = [word for word in CONDITIONS if word != WELL and CONDITIONS[word].deed not in FROM_THE_START]
    for word in words:
        names = fleet.of(word)
        fleet.expected |= dict.fromkeys(names, CONDITIONS[word].alerts)
        fleet.crowds.do("become", names, condition=word)
    fleet.settled(240)
    by_register = {"fork", "cut tail", "destroy"}
    for way, deeds in (("what it tells itself", {""}), ("what the register knows", by_register)):
        concerned = {name for name in fleet.names if CONDITIONS[fleet.given[name]].deed in deeds}
        seen = [(at_ms - began_ms) / 1000 for (name, _trouble), at_ms in fleet.desk.began.items() if name in concerned]
        fleet.outcome.alerts[way] = seen


def _dropped(fleet: Fleet) -> list[DeviceName]:
    """A tenth drops off: half with a reset, half without a word."""
    gone = fleet.rng.sample(fleet.of(WELL), max(2, len(fleet.names) // 10))
    half = len(gone) // 2 if fleet.plan.slow else len(gone)
    mark = fleet.crowds.mark()
    for names, silently in ((gone[:half], False), (gone[half:], True)):
        fleet.crowds.do("cut", names, silently=silently)
    fleet.expected |= dict.fromkeys(gone, frozenset({Trouble.OFFLINE}))
    fleet.settled(fleet.outcome.will_limit_s + 60)
    cut_ms = {each["name"]: each["at_ms"] for each in fleet.crowds.since(mark, "cut")}
    for way, names in (("connection reset", gone[:half]), ("vanished without a word", gone[half:])):
        fleet.outcome.alerts[way] = [(fleet.desk.began[name, Trouble.OFFLINE] - cut_ms[str(name)]) / 1000 for name in names]
    return gone


def _ordered(fleet: Fleet, gone: Sequence[DeviceName]) -> None:
    """Some are told to show their light."""
    left = [name for name in fleet.of(WELL) if name not in gone]
    chosen = fleet.rng.sample(left, min(fleet.plan.orders, len(left)))
    mark = fleet.crowds.mark()
    done = cli("command", "identify", fleet.layout.root, *chosen)
    obeyed = [each["name"] for each in fleet.crowds.since(mark, "obeyed")]
    fleet.outcome.ordered, fleet.outcome.obeyed = len(chosen), len(obeyed)
    if done.returncode or sorted(obeyed) != sorted(map(str, chosen)):
        fleet.outcome.flaws.append(f"command identify: {len(obeyed)} of {len(chosen)} obeyed: {done.stdout[-200:]} {done.stderr[-200:]}")


def _drained(fleet: Fleet, gone: Sequence[DeviceName]) -> None:
    """One that comes back brings many entries; the others must not feel it."""
    back = gone[0]
    fleet.crowds.do("drain", [back], count=fleet.plan.drain)
    heard, shown, began_s = fleet.crowds.mark(), fleet.desk.mark(), time.monotonic()
    fleet.crowds.do("come back", [back])
    fleet.expected[back] = frozenset()
    fleet.crowds.until(
        lambda events: any(each["what"] == "receipted" and each["name"] == str(back) and not each["left"] for each in events[heard:]), 240,
        "the backlog is drained",
    )  # fmt: skip
    fleet.outcome.drained_s = time.monotonic() - began_s
    others = [each["delay_s"] for each in fleet.crowds.since(heard, "receipted") if each["name"] != str(back)]
    fleet.outcome.receipts["others, while one drains a backlog"] = others
    fleet.outcome.delays["while one drains a backlog"] = fleet.delays(fleet.desk.since(shown))


def _storms(fleet: Fleet) -> None:
    """The broker is started again, at once and after a while."""
    for away_s in (0.0, fleet.plan.away_s)[: 2 if fleet.plan.away_s else 1]:
        connected = len(fleet.desk.online)
        mark = fleet.desk.mark()
        word = f"the broker comes back after {away_s:.0f} s" if away_s else "the broker is started again"
        with fleet.storm(word, connected) as begins:
            fleet.broker.stop(signal.SIGTERM)
            if away_s:
                time.sleep(away_s)
            begins()
            fleet.broker.start()
        fleet.settled(240)
        fleet.outcome.delays[word] = fleet.delays(fleet.desk.since(mark))


def _watch_restarted(fleet: Fleet, gone: Sequence[DeviceName]) -> None:
    """The watch dies, the fleet goes on, the watch is back: births and wills are all retained."""
    back, lost = (
        gone[1 : 1 + len(gone) // 2],
        fleet.rng.sample([name for name in fleet.of(WELL) if name not in gone], max(1, len(gone) // 4)),
    )
    fleet.watch.process.kill()
    fleet.watch.process.wait()
    mark = fleet.crowds.mark()
    fleet.crowds.do("cut", lost, silently=False)
    fleet.crowds.do("come back", back)
    fleet.crowds.until(lambda heard: sum(each["what"] == "connected" for each in heard[mark:]) >= len(back), READY_S, "some come back")
    fleet.expected |= dict.fromkeys(back, frozenset()) | dict.fromkeys(lost, frozenset({Trouble.OFFLINE}))
    began_s = time.monotonic()
    fleet.watch = fleet.watched()
    fleet.settled(fleet.plan.settle_s + 60)
    fleet.outcome.watch_back_s = time.monotonic() - began_s


@contextmanager
def _viewer(fleet: Fleet, org: str) -> Iterator[set[DeviceName]]:
    """An organisation's own tool, which asks for everything, and whom it heard of."""
    files = fleet.folder / "viewer"
    viewers.add(fleet.layout, org, files, timedelta(days=1), now_ms())
    heard: set[DeviceName] = set()
    connected: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def on_event(event: Event) -> None:
        if isinstance(event, Connected):
            connected.put(True)
        elif isinstance(event, Arrived) and (found := parse(event.topic)):
            heard.add(found[0])

    end = Endpoint("127.0.0.1", fleet.broker.port, files / "ca.crt", files / "viewer.crt", files / "viewer.key")
    link = BrokerLink(end, org, [ALL_STATUS, ALL_TELEMETRY], on_event, clean_session=True)
    link.start()
    try:
        connected.get(timeout=READY_S)
        yield heard
    finally:
        link.stop()


def _compared(fleet: Fleet) -> None:
    """Nobody says anything more: what is shown is compared with what was said."""
    mark = fleet.crowds.mark()
    fleet.crowds.do("hush")
    told: dict[DeviceName, bytes] = {}
    for each in fleet.crowds.since(mark, "last"):  # with QoS 0, what was under way when a connection was cut is lost
        name = DeviceName(*each["name"].split("/"))
        if Trouble.OFFLINE not in fleet.expected[name]:
            told[name] = base64.b64decode(each["told"])

    def found() -> list[str]:
        return flaws(fleet.layout.fleet_store, fleet.names, fleet.expected, told)

    seen: list[list[str]] = [[]]

    def is_right() -> bool:
        seen[0] = found()
        return not seen[0]

    try:
        until(is_right, 30.0, "what is shown is what was told", every_s=0.5)
    except AssertionError:
        fleet.outcome.flaws += seen[0]
    with FleetStore(fleet.layout.fleet_store) as store:
        refused = {each.name: each.times for each in store.refused(None)}
        raised = Counter((alert.name, alert.trouble) for alert in store.alerts(None, also_ended=True))
    fleet.outcome.flaws += [
        f"{name}: {trouble} was raised {times} times"
        for (name, trouble), times in raised.items()
        if times > 1 and trouble is not Trouble.OFFLINE
    ]
    if refused != dict.fromkeys(fleet.of(*_REFUSED), 1):
        fleet.outcome.flaws.append(f"refused and counted: {len(refused)} scanners, must be {len(fleet.of(*_REFUSED))}, once each")


def run(folder: Path, plan: Plan, seed: int, say: Any = lambda _word: None) -> Outcome:
    """Runs a fleet.

    Args:
        folder: empty.
        plan: how.
        seed: of who gets into what.
        say: told what begins.

    Raises:
        AssertionError: something did not come in time.
    """
    with ExitStack() as stack:
        say(f"founding, {plan.devices} certificates")
        fleet = Fleet(folder, plan, seed, stack)
        say("power comes")
        _power_up(fleet)
        with _viewer(fleet, "bus-co") as heard:
            say("steady")
            _steady(fleet)
            ours = {name for name in fleet.names if name.org == "bus-co"}
            fleet.outcome.viewer = len(heard)
            if not heard or not heard <= ours:
                fleet.outcome.flaws.append(f"a viewer of bus-co hears {len(heard - ours)} scanners of others")
        if plan.page and sim_page.is_there():
            say("somebody looks at the page")
            _page(fleet)
        say("things go wrong")
        _troubled(fleet)
        say("a tenth drops off")
        gone = _dropped(fleet)
        say("commands")
        _ordered(fleet, gone)
        say("a backlog is drained")
        _drained(fleet, gone)
        say("the broker is started again")
        _storms(fleet)
        say("the watch is started again")
        _watch_restarted(fleet, gone)
        say("comparing")
        _compared(fleet)
        return fleet.outcome
