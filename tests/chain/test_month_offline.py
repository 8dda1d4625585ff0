"""A scanner without a network for thirty days: every entry gets its receipt, each with the right fate, and what was held is opened."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from chain_world import _GATE_TOML, WAIT_S, Process
from old_province import DAY_MS, days_ago, founded_ago, kept_up, rows
from province_world import ROOT, Broker, Collecting, cli, free_port, json_lines, scanner, wait_for_keyring

from edge_agent.device import identity, stored_keyring
from edge_agent.device.stored_keyring import WatchedKeyring
from edge_agent.enrolment import enrol
from edge_agent.store.outbox import FILE_NAME
from edge_agent.store.recorder import Recorder
from edge_agent.wire import keyring
from edge_agent.wire.entry import Clock, Direction, Kind, Known, Method
from edge_agent.wire.topics import DeviceName
from firmware.person_codes import Person
from firmware.recording import Recording
from firmware.time_sense import TimeSense
from province.base.clock import now_ms
from province.base.layout import Layout
from province.demo.synthetic import synthetic_people
from province.joining.enrolling import Place, add_device
from province.keys.keystore import Keystore
from province.keys.officers import read_root_public
from province.records import views
from province.store import database

NAME = DeviceName("bus-co", "far-away")
OFFLINE, AHEAD, KEPT, BLIND = 29, 20, 21, 5  # days; on day BLIND the clock is not known at first
PEOPLE = synthetic_people(2 * (OFFLINE + 1), seed=30)


class FarAway:
    """Firmware's recording with a clock in the hands of the test."""

    def __init__(self, state: Path) -> None:
        who = identity.load(state)
        self.wall_ms, self.since_boot_ms, self.clock = 0, 0, Clock.SYNCHRONISED
        known = WatchedKeyring(state, who.root, who.name)
        self._sense = TimeSense(
            always_trusted=False, not_before_ms=known.not_before_ms, clock=lambda: self.clock, wall_ms=lambda: self.wall_ms,
            boottime_ms=lambda: self.since_boot_ms,
        )  # fmt: skip
        self.recorder = Recorder(state / FILE_NAME, 10**9)
        self._recordings = {boot: Recording(who, self.recorder, known, self._sense, boot) for boot in (b"a" * 16, b"b" * 16)}

    def live(self, day: int, people: list[Person]) -> None:
        """A day of two passages; on the blind one after a restart at 1970, told the time only later."""
        blind = day == BLIND
        recording = self._recordings[b"b" * 16 if blind else b"a" * 16]
        self.clock = Clock.UNKNOWN if blind else Clock.SYNCHRONISED
        for minute, person in enumerate(people):
            at_ms = now_ms() - day * DAY_MS + minute * 60_000
            self.since_boot_ms = 7000 + minute * 60_000 if blind else at_ms - (now_ms() - 40 * DAY_MS)
            self.wall_ms = self.since_boot_ms if blind else at_ms
            recording.passage(person, Direction.IN, Known.LANE, Method.CAMERA)
        if blind:
            self.wall_ms, self.clock = now_ms() - day * DAY_MS + (self.since_boot_ms - 7000), Clock.SYNCHRONISED
            recording.note(Kind.CLOCK, {"clock": str(self.clock)})


def expected(day: int) -> tuple[str, str | None]:
    if day > KEPT:
        return "expired", None
    if day > OFFLINE + 1 - AHEAD - 1 and day != BLIND:
        return "registered", None
    return "held", "undated"


def enrolled(layout: Layout, folder: Path) -> Path:
    bundle, state = folder / "bundle.json", folder / "state"
    add_device(layout, NAME, Place("Chợ", "Cổng"), ("127.0.0.1", layout.read_settings().port), bundle, now_ms())
    last = max(
        key.epoch for key in keyring.verify(b64decode(json.loads(bundle.read_bytes())["keyring"]), read_root_public(layout)).keys[:-1]
    )
    assert last == days_ago(OFFLINE + 1 - AHEAD).isoformat()
    enrol.install(enrol.read_bundle(bundle), state)
    return state


def test_thirty_days_offline_then_everything_is_receipted_as_it_deserves(tmp_path: Path) -> None:
    layout = founded_ago(tmp_path / "province", OFFLINE + 1, AHEAD, free_port())
    state = enrolled(layout, tmp_path)
    scanner_far_away, fates = FarAway(state), []
    for day in range(OFFLINE, -1, -1):
        scanner_far_away.live(day, PEOPLE[2 * day : 2 * day + 2])
        fates += [expected(day)] * (3 if day == BLIND else 2)
    with closing(scanner_far_away.recorder) as recorder:
        assert recorder.backlog().entries == len(fates)
    kept_up(layout, OFFLINE)
    assert cli("retention", "run", layout.root, "--days", KEPT, "--trust-clock").returncode == 0

    told = drained(layout, state, tmp_path, len(fates))
    assert [told[seq] for seq in range(1, len(fates) + 1)] == fates
    assert stored_keyring.read(state, read_root_public(layout)).counter > 1, "and it has the days ahead again"

    opened = json.loads(cli("held", "open", layout.root, "--undated-key", layout.undated_key, "--json").stdout)
    assert opened == {"registered": fates.count(("held", "undated")), "expired": 0, "held": {}}
    check_register(layout)


def drained(layout: Layout, state: Path, folder: Path, count: int) -> dict[int, tuple[str, str | None]]:
    """Lets a real agent deliver everything to a real collector; the fate of each number, as receipted."""
    runtime, config = folder / "run", folder / "gate.toml"
    runtime.mkdir()
    config.write_text(_GATE_TOML.format(state=state, runtime=runtime, port="/dev/ttyS9"))
    agent = Process(folder / "agent.log", "edge_agent", "run", "--config", str(config))
    told: dict[int, tuple[str, str | None]] = {}
    with Broker(layout), Collecting(layout) as collecting:
        wait_for_keyring(scanner(layout, folder, "witness"))
        agent.start()
        try:
            while len(told) < count:
                event = collecting.events.get(timeout=WAIT_S)
                assert event["event"] in ("registered", "repeated"), event
                told[event["seq"]] = (event["status"], event["reason"])
            while (status := agent_status(config))["outbox"]["waiting"]:
                pass  # asking takes a third of a second: another process's state offers no event
        finally:
            agent.end()
    receipted = {name.removeprefix("receipted_"): number for name, number in status["agent"]["counters"].items() if "receipted_" in name}
    assert receipted == Counter(fate for fate, _reason in told.values()), "each counted"
    return told


def agent_status(config: Path) -> dict[str, Any]:
    asked = subprocess.run(
        [sys.executable, "-m", "edge_agent", "status", "--json", "--config", str(config)],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=WAIT_S,
    )  # fmt: skip
    return json_lines(asked.stdout)[0]


def check_register(layout: Layout) -> None:
    """Whoever is within retention is found, at their time, and kept under their own day; nobody else."""
    keystore = Keystore(layout.keystore)
    with closing(database.connect(layout.register)) as connection:
        found = [views.count_passages(connection, keystore, person.id_number) for person in PEOPLE]
        [blind, _later] = [views.find(connection, keystore, person.id_number) for person in PEOPLE[2 * BLIND : 2 * BLIND + 2]]
    assert found == [int(place // 2 <= KEPT) for place in range(len(PEOPLE))]
    assert abs(blind[0].when.sort_ms - (now_ms() - BLIND * DAY_MS)) < 10 * 60_000
    kept = [(row["epoch"], row["status"]) for row in rows(layout) if row["status"] == "registered" and row["kind"] == "passage"]
    assert kept == [(days_ago(day).isoformat(), "registered") for day in range(KEPT, -1, -1) for _ in range(2)]
