"""What the agent tells of its device, from a real outbox and firmware's counters: within the schema, and nothing of a person."""

from __future__ import annotations

import base64
import json
import threading
import time
import tomllib
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
import uplink_world
from agent_shell import gate_agent
from health_world import COUNTERS, Device, by_schema
from real_broker import Broker, Listener
from sealed_examples import DEVICE_PUBLIC, NAME, WAIT_S
from uplink_world import QUICK

from drivers import system_clock
from edge_agent.carry import connecting
from edge_agent.carry.intake import Intake
from edge_agent.health import cadence, endings, reporting
from edge_agent.health.day_mark import DayMark
from edge_agent.health.firmware_word import FirmwareWord
from edge_agent.health.reporting import Reporter
from edge_agent.link.broker_link import Connected, Message
from edge_agent.wire import envelope, log_head, telemetry
from edge_agent.wire.entry import LogHead
from edge_agent.wire.topics import Leaf

broker = uplink_world.broker
DAY_MS = 86_400_000


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def test_a_device_tells_how_it_is(device: Device) -> None:
    device.word.heard(COUNTERS)
    device.health.look()
    device.now_s += 10
    later = COUNTERS["lanes"] | {"Làn vào": COUNTERS["lanes"]["Làn vào"] | {"frames": 1200}}
    device.word.heard(COUNTERS | {"lanes": later})
    endings.note(device.settings.device.runtime, "firmware", "watchdog")
    payload = telemetry.encode(device.health.look())
    told = telemetry.decode(payload)
    assert by_schema("telemetry", json.loads(payload))
    assert (told.gate, told.clock, told.faults, told.period_s) == ("open", "synchronised", 1, 30)
    assert told.boot_id == system_clock.boot_id().hex()
    assert told.answers == COUNTERS["answers"]
    assert told.sources["Làn vào"] == telemetry.Source("working", 20.0, 8.2, 31.5)
    assert told.sources["out"] == telemetry.Source("fault", reopened=2)
    assert told.presence == telemetry.Presence(4, 9, 5)
    assert told.position == telemetry.Position(21.0289, 105.804)
    assert told.reader_tested_s == 40
    assert told.restarts == {"firmware_watchdog": 1}
    assert told.link == {"sent": 7, "silences": 1}
    assert told.outbox is not None
    assert (told.outbox.waiting, told.outbox.full_percent) == (7, 1.2)
    assert told.certificate_days == 0, "the test's authority gives an hour"
    assert told.memory is not None
    assert 0 < told.memory.agent_mb < told.memory.total_mb
    assert len(payload) < 2000


def test_the_head_is_signed_and_is_the_logs(device: Device) -> None:
    told = device.health.look()
    assert told.log is not None
    head = log_head.verify(base64.b64decode(told.log.signed), NAME, DEVICE_PUBLIC)
    assert head == LogHead(envelope.peek(device.made[0]).header.log, 7, envelope.envelope_hash(device.made[-1]))
    assert (told.log.id, told.log.seq) == (head.log.hex(), 7)
    assert device.health.look().log == told.log, "signed once for each head"


def test_nothing_of_a_person_or_a_trip_is_told(device: Device) -> None:
    device.word.heard(COUNTERS | {"type": "counters", "person": "Nguyễn Văn An", "masked": "001•••••2345"})
    text = telemetry.encode(device.health.look()).decode()
    assert all(secret not in text for secret in ("Nguyễn", "2345", "secret-trip", "gpio:", str(device.settings.device.state)))


def test_a_gate_that_does_not_answer_and_a_clock_that_is_not_known(device: Device) -> None:
    device.wall_ms = None
    told = telemetry.decode(telemetry.encode(device.health.look()))
    assert (told.gate, told.clock, told.answers, told.certificate_days) == ("down", "unknown", {}, None)
    assert told.log is not None
    assert told.log.entries_today is None


def test_lanes_beyond_the_schema_are_cut_not_refused(device: Device) -> None:
    many = {f"làn {'x' * 60}{number}\n": "working" for number in range(30)}
    device.word.heard(COUNTERS | {"sources": many, "lanes": {}})
    assert telemetry.decode(telemetry.encode(device.health.look())).sources


def test_entries_of_today_are_counted_over_restarts_and_new_logs(tmp_path: Path) -> None:
    log, other, noon = b"a" * 16, b"b" * 16, 1_633_366_800_000 - DAY_MS // 2
    mark = DayMark(tmp_path)
    assert [mark.entries_today(LogHead(log, seq, b""), noon) for seq in (100, 105)] == [0, 5]
    mark = DayMark(tmp_path)
    assert mark.entries_today(LogHead(log, 107, b""), noon) == 7
    assert mark.entries_today(LogHead(other, 2, b""), noon) == 9
    assert mark.entries_today(LogHead(other, 3, b""), None) is None
    assert mark.entries_today(LogHead(other, 4, b""), noon + DAY_MS) == 0
    assert DayMark(tmp_path).entries_today(LogHead(other, 9, b""), noon + DAY_MS) == 5


def test_why_services_ended_is_counted_since_the_board_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for unit, result in (("agent", "success"), ("firmware", "watchdog"), ("firmware", "watchdog"), ("firmware", "new in systemd 300")):
        endings.note(tmp_path, unit, result)
    assert endings.read(tmp_path) == {"agent_stopped": 1, "firmware_watchdog": 2, "firmware_other": 1}
    monkeypatch.setattr(system_clock, "boot_id", lambda: b"another start 16")
    assert endings.read(tmp_path) == {}
    (tmp_path / "endings.json").write_text("torn")
    assert endings.read(tmp_path) == {}


def test_systemd_is_told_to_count_ends(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_RESULT", "oom-kill")
    assert gate_agent("ended", "agent", "--config", device.settings.source).returncode == 0
    assert endings.read(device.settings.device.runtime) == {"agent_memory": 1}


def test_a_changed_state_is_said_and_a_changed_count_is_not() -> None:
    word = FirmwareWord()
    assert word.heard(COUNTERS)
    assert not word.heard(COUNTERS | {"answers": {"accepted": 13}, "presence": {"inside": 5}})
    changes: list[dict[str, object]] = [
        {"gate": "closed"}, {"sources": {"out": "working"}}, {"clock": "unknown"}, {"outbox_fullness": 1.0}, {"lights": {}},
    ]  # fmt: skip
    for change in changes:
        assert word.heard(COUNTERS | change)
        assert word.heard(COUNTERS)
    assert not word.heard({"type": "passage"})


class Line:
    """A connection that may be slow: what was handed to it, and whether the newest is still in hand."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.slow = False

    def publish(self, message: Message) -> object:
        self.sent.append(message)
        return lambda: self.slow


def test_a_slow_or_absent_broker_never_gets_a_queue_of_old_telemetry(device: Device) -> None:
    line = Line()
    reporter = Reporter(NAME, device.health, line.publish, 30.0, lambda: device.now_s)  # type: ignore[arg-type]

    def rounds(seconds: int) -> int:
        before = len(line.sent)
        for _ in range(seconds):
            device.now_s += 1
            reporter.round()
        return len(line.sent) - before

    assert rounds(300) == 0, "not connected"
    reporter.connection(True)
    assert 9 <= rounds(300) <= 12
    line.slow = True
    assert rounds(600) <= 1, "the one that is in hand stays the only one"
    line.slow = False
    assert rounds(1) == 1, "and the next tells how the device is now"
    assert telemetry.decode(line.sent[-1].payload).link
    assert {(message.topic, message.qos, message.retain) for message in line.sent} == {(NAME.topic(Leaf.TELEMETRY), 0, False)}
    reporter.connection(False)
    assert rounds(300) == 0
    device.word.heard(COUNTERS)
    reporter.connection(True)
    assert rounds(7) >= 1
    before = len(line.sent)
    device.word.heard(COUNTERS | {"gate": "closed"})
    assert rounds(6) == 1, "a change is told within five seconds"
    assert telemetry.decode(line.sent[before].payload).gate == "closed"


def test_many_devices_do_not_speak_at_once(device: Device) -> None:
    """They looked every five seconds only, and so all spoke five seconds after they had connected."""
    look, spoken_s = device.health.look(), [list[float]() for _ in range(400)]

    class Health:
        """Notes when it is asked for telemetry; its clock is the reporter's."""

        def __init__(self, spoken_s: list[float]) -> None:
            self.now_s, self.spoken_s = 0.0, spoken_s

        def states(self) -> str:
            return "open"

        def look(self) -> telemetry.Telemetry:
            self.spoken_s.append(self.now_s)
            return look

        def clock(self) -> float:
            return self.now_s

    for noted in spoken_s:
        health = Health(noted)
        reporter = Reporter(NAME, health, Line().publish, 30.0, health.clock)  # type: ignore[arg-type]
        reporter.connection(True)
        while len(noted) < 3:
            health.now_s += reporter.round()
    for message in range(3):
        halves = Counter(int(noted[message] / 0.5) for noted in spoken_s)
        assert max(halves.values()) < 90, "400 in at least ten half seconds: 40 each"


def test_telemetry_arrives_at_a_real_broker_and_again(tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cadence, "LEAST_S", 0.05)
    monkeypatch.setattr(reporting, "LEAST_S", 0.05)
    device = Device(tmp_path / "device", broker.port)
    device.health._clock = time.monotonic
    work: Intake[connecting.Work] = Intake()
    link = connecting.connect(device.identity, QUICK, work)
    reporter = Reporter(NAME, device.health, link.publish, 0.2)
    topic = NAME.topic(Leaf.TELEMETRY)
    with closing(Listener(broker, (topic,))) as province:
        link.start()
        reporter.start()
        try:
            assert isinstance(work.get(timeout=WAIT_S), Connected)
            reporter.connection(True)
            assert telemetry.decode(province.next(topic).payload).gate == "down"
            if device.word.heard(COUNTERS):
                reporter.look_now()
            while telemetry.decode(province.next(topic).payload).gate != "open":
                pass
        finally:
            reporter.stop()
            link.stop()
    assert "telemetry" not in {thread.name for thread in threading.enumerate()}


def test_a_period_below_the_least_is_refused(device: Device) -> None:
    text = device.settings.source.read_text().replace("telemetry_s = 30.0", "telemetry_s = 1.0")
    assert tomllib.loads(text)["agent"]["telemetry_s"] == 1.0
    device.settings.source.write_text(text)
    done = gate_agent("run", "--config", device.settings.source)
    assert (done.returncode, "agent.telemetry_s: 1.0 is not allowed" in done.stderr) == (2, True)
