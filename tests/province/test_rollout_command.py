"""`gate-province rollout` over a real Mosquitto to scanners that a test plays: stage by stage, halted, resumed, killed, aborted."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from fleet_world import well
from province_world import ROOT, WAIT_S, Broker, Collecting, Log, Scanner, cli, founded, free_port, scanner, session, wait_for_keyring

from edge_agent.link.broker_link import Arrived, BrokerLink, Connected, Event, Message
from edge_agent.wire import command, results
from edge_agent.wire.authority import Power
from edge_agent.wire.results import Refusal, Result, State
from edge_agent.wire.telemetry import Versions
from edge_agent.wire.topics import Leaf
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys import officers
from province.release import releases
from province.release.releases import Source, Terms
from province.watch.fleet_rules import Seen, Trouble
from province.watch.fleet_store import FleetStore

COUNT = 5
NONCE = bytes(range(command.NONCE_BYTES))
_FORMATS = "OUTBOX = 1\nDOCUMENTS = 1\nBASE = 1\n"


class Played:
    """A scanner that takes updates as a test says, and each only once."""

    def __init__(self, scanner: Scanner) -> None:
        self.name, self._scanner = scanner.name, scanner
        self.fails = self.knows_no_time = False
        self.done: Counter[str] = Counter()
        self._ends: dict[int, Result] = {}
        self._in = threading.Event()
        self.link = BrokerLink(scanner.endpoint, str(scanner.name), [scanner.name.topic(Leaf.COMMANDS)], self._heard)
        self.link.start()
        assert self._in.wait(WAIT_S)

    def _heard(self, event: Event) -> None:
        if isinstance(event, Connected):
            self._in.set()
        if not isinstance(event, Arrived):
            return
        signed = command.verify(event.payload, self._scanner.root, now_ms())
        counter, issuer = signed.command.counter, signed.issuer
        if self.knows_no_time and signed.command.nonce is None:
            self._say(Result(issuer, counter, "update", State.REFUSED, Refusal.NO_CLOCK, "no time", NONCE.hex()))
            return
        if counter not in self._ends:
            self.done[signed.command.arguments[0]] += 1
            state, reason = (State.FAILED, "unwell") if self.fails else (State.SUCCESSFUL, "")
            self._ends[counter] = Result(issuer, counter, "update", state, reason, "lane in" if reason else "")
            self._say(Result(issuer, counter, "update", State.ACCEPTED))
        self._say(self._ends[counter])

    def _say(self, result: Result) -> None:
        self.link.publish(
            Message(self.name.topic(Leaf.RESULTS), results.encode(results.prove(result, self.name, self._scanner.signing_key)))
        )


class World:
    """A province, five scanners of one organisation and one of another, all with a log."""

    def __init__(self, layout: Layout, played: list[Played], stranger: Played) -> None:
        self.layout, self.played, self.stranger = layout, played, stranger

    def add(self, version: str) -> str:
        terms = Terms(now_ms() + 86_400_000, 2, 60)
        wheel = self.layout.root.parent / f"gate_scanner-{version}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as files:
            files.writestr("edge_agent/update/stored_formats.py", _FORMATS)
            files.writestr("gate_scanner.dist-info/METADATA", f"Name: gate-scanner\nVersion: {version}\n")
        return releases.add(self.layout, Source({wheel.name: wheel.read_bytes()}, "arm64", "3.11"), terms, now_ms()).release_id

    def rollout(self, action: str, *words: str) -> subprocess.CompletedProcess[str]:
        more = ["--every", "0.1", "--listen", "5"] if action != "abort" else []
        return cli("rollout", action, self.layout.root, *words, *more)

    def status(self, version: str) -> dict[str, Any]:
        said = [json.loads(line) for line in cli("rollout", "status", self.layout.root, "--json").stdout.splitlines()]
        return next(each for each in said if each["software"] == version)

    def times(self, release: str) -> list[int]:
        return [each.done[release] for each in self.played]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("rollout")
    layout = founded(folder / "p", free_port())
    with ExitStack() as stack:
        stack.enter_context(Broker(layout))
        scanners = [scanner(layout, folder, f"xe-{number}") for number in range(COUNT)]
        scanners.append(scanner(layout, folder, "gate", "market-co"))
        with Collecting(layout):
            wait_for_keyring(scanners[0])
            for each in scanners:
                with session(each) as connected:
                    connected.deliver(Log.new(each).append())
        played = [Played(each) for each in scanners]
        for one in played:
            stack.callback(one.link.stop)
        yield World(layout, played[:-1], played[-1])


START = ("--org", "bus-co", "--yes", "--soak-s", "0", "--without-watch")


def test_each_is_updated_once_and_nobody_of_another_organisation(world: World) -> None:
    release = world.add("1.1.0")
    done = world.rollout("start", "1.1.0", *START, "--stages", "20,100")
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.times(release) == [1] * COUNT
    assert world.stranger.done[release] == 0
    assert world.status("1.1.0")["counts"] == {"updated": COUNT}
    with closing(sqlite3.connect(world.layout.register)) as register:
        (lines,) = register.execute("SELECT count(*) FROM audit").fetchone()
    assert lines >= COUNT + 1


def test_those_that_know_no_time_are_ordered_by_their_nonce_and_counted(world: World) -> None:
    release = world.add("1.1.5")
    for each in world.played:
        each.knows_no_time = True
    try:
        done = world.rollout("start", "1.1.5", *START, "--stages", "20,100")
    finally:
        for each in world.played:
            each.knows_no_time = False
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.times(release) == [1] * COUNT
    assert world.status("1.1.5")["counts"] == {"updated": COUNT}


def test_the_first_that_fails_halts_it_and_after_mending_it_goes_on(world: World) -> None:
    release = world.add("1.2.0")
    for each in world.played:
        each.fails = True
    done = world.rollout("start", "1.2.0", *START, "--stages", "20,100")
    assert (done.returncode, sum(world.times(release))) == (1, 1), done.stdout + done.stderr
    status = world.status("1.2.0")
    assert (status["phase"], status["stage_percent"], "unwell" in status["why"]) == ("halted", 20, True)
    for each in world.played:
        each.fails = False
    assert world.rollout("resume", "1.2.0", "--org", "bus-co", "--without-watch").returncode == 0
    assert sorted(world.times(release)) == [1, 1, 1, 1, 2]  # the one that failed had another turn


def test_what_the_watch_finds_wrong_afterwards_halts_it(world: World) -> None:
    release, layout = world.add("1.3.0"), world.layout
    with FleetStore(layout.fleet_store) as store:
        store.registered([Seen(each.name, "Bến xe", "Cửa", 0) for each in world.played])
        done = world.rollout("start", "1.3.0", "bus-co/xe-0", "--org", "bus-co", "--yes", "--soak-s", "1", "--stages", "20,100")
        assert done.returncode == 0, done.stdout + done.stderr  # nothing is wrong
        later = now_ms() + 3_600_000
        store.told(world.played[0].name, well(at_ms=later, versions=Versions("1.2.9")), None, later)
        store.judged(world.played[1].name, {Trouble.SOURCE: "in: does not work"}, later)
    release = world.add("1.3.1")
    done = world.rollout("start", "1.3.1", "--org", "bus-co", "--yes", "--soak-s", "60", "--stages", "100")
    assert (done.returncode, world.times(release)) == (1, [1] * COUNT), done.stdout + done.stderr
    status = world.status("1.3.1")
    assert status["phase"] == "halted"
    assert status["scanners"]["bus-co/xe-0"] == {"came": "unwell", "why": "tells that it runs 1.2.9"}
    assert status["scanners"]["bus-co/xe-1"]["why"] == "source: in: does not work"


def test_killed_it_goes_on_where_it_was_and_orders_nobody_twice(world: World) -> None:
    release = world.add("1.4.0")
    words = ["rollout", "start", str(world.layout.root), "1.4.0", *START, "--stages", "20,40,100", "--every", "60", "--listen", "5"]
    words[words.index("--soak-s") + 1] = "3600"
    with subprocess.Popen([sys.executable, "-m", "province", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if line.rstrip().endswith("successful"):
                break
        running.kill()
    assert sum(world.times(release)) == 1
    file = next(path for path in world.layout.rollouts.glob("*.json") if path.name.startswith(release[:12]))
    file.write_text(file.read_text().replace('"soak_s":3600', '"soak_s":0'))
    done = world.rollout("resume", "1.4.0", "--org", "bus-co", "--without-watch")
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.times(release) == [1] * COUNT


def test_aborted_nobody_else_is_ordered(world: World) -> None:
    release = world.add("1.5.0")
    for each in world.played:
        each.fails = True
    world.rollout("start", "1.5.0", *START, "--stages", "20,100")
    assert world.rollout("abort", "1.5.0", "--org", "bus-co").returncode == 0
    done = world.rollout("resume", "1.5.0", "--org", "bus-co", "--without-watch")
    assert (done.returncode, sum(world.times(release))) == (2, 1), done.stdout
    assert world.status("1.5.0")["phase"] == "aborted"
    for each in world.played:
        each.fails = False


@pytest.mark.parametrize("words, said", [
    (("9.9.9", *START), "no release here"), (("1.6.0", "--yes"), "--org"),
    (("1.6.1", "market-co/gate", "--org", "bus-co", "--yes"), "market-co/gate"),
])  # fmt: skip
def test_what_cannot_be_is_told(world: World, words: tuple[str, ...], said: str) -> None:
    if words[0] != "9.9.9":
        world.add(words[0])
    done = world.rollout("start", *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_what_has_begun_is_not_begun_again(world: World) -> None:
    release = world.add("1.7.0")
    assert world.rollout("start", "1.7.0", *START).returncode == 0
    again = world.rollout("start", "1.7.0", *START)
    assert (again.returncode, world.times(release)) == (2, [1] * COUNT)
    assert "already" in again.stderr


def test_of_a_machine_the_newest_release_that_has_not_expired_is_offered(world: World) -> None:
    world.add("1.8.0")
    world.add("1.7.9")  # signed later: a way back is the newest too
    at_ms = now_ms()
    assert releases.newest(world.layout, at_ms) == {("arm64", "3.11"): "1.7.9"}
    assert releases.newest(world.layout, at_ms + 400 * 86_400_000) == {}


def test_releases_are_listed_and_signed_with_the_key_for_updates(world: World) -> None:
    listed = [json.loads(line) for line in cli("release", "list", world.layout.root, "--json").stdout.splitlines()]
    assert [each["counter"] for each in listed] == sorted((each["counter"] for each in listed), reverse=True)
    assert officers.load_officer(world.layout, Power.UPDATE).certificate
    wrong = cli("release", "add", world.layout.root, Path(__file__))
    assert (wrong.returncode, "not a Debian package" in wrong.stderr) == (2, True)
