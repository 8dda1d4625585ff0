"""The watch at a real Mosquitto: births, last wills, telemetry, and what is refused and counted."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import World
from fleet_world import ONLINE, Watching, seen, signed, speaking, tell, watching, well
from page_world import until
from province_world import Log, cli, json_lines, session

from edge_agent.base.process_lock import ProcessLock
from edge_agent.link.broker_link import Arrived, BrokerLink, Connected, Message
from edge_agent.wire import telemetry
from edge_agent.wire.entry import LogHead
from edge_agent.wire.telemetry import Status, Telemetry, Versions
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms
from province.base.errors import ProvinceError
from province.fleet.sight import State, picture_of
from province.watch import fleet_discovery, fleet_watch
from province.watch.fleet_rules import Seen, Trouble
from province.watch.fleet_store import FleetStore

GATE = DeviceName("cho-coc-leu", "cong-1")


def cut(link: BrokerLink) -> None:
    """The network breaks, and the device does not come back by itself soon."""
    link._stopping.set()
    its_socket: Any = link._client.socket()
    its_socket.shutdown(socket.SHUT_RDWR)


def test_a_last_will_is_an_alert_and_a_birth_its_end(world: World) -> None:
    device = world.new_scanner()
    with watching(world.layout) as watch:
        with speaking(device) as link:
            tell(link, device, well(at_ms=now_ms()))
            watch.until(device.name, lambda found: not found)
            cut(link)
            watch.until(device.name, lambda found: Trouble.OFFLINE in found)
            assert [alert.words for alert in watch.look.alerts("bus-co") if alert.name == device.name] == ["its connection was lost"]
        with speaking(device) as link:
            tell(link, device, well(at_ms=now_ms()))
            watch.until(device.name, lambda found: not found)
        assert [alert for alert in watch.look.alerts("bus-co") if alert.name == device.name] == []


def test_a_connection_made_anew_is_no_alert_and_no_trouble_on_the_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a scanner does whose entries are not receipted: it says that it leaves, and is back."""
    device, heard, shown = world.new_scanner(), list[str](), set[State]()
    note = FleetStore.status

    def noted(store: FleetStore, name: DeviceName, status: Status, at_ms: int) -> None:
        note(store, name, status, at_ms)
        if name == device.name:
            heard.append(status.state)
            shown.update(row.state for row in picture_of(store).values() if row.seen.name == name)

    monkeypatch.setattr(FleetStore, "status", noted)
    with watching(world.layout) as watch, speaking(device) as link:
        tell(link, device, well(at_ms=now_ms()))
        watch.until(device.name, lambda found: not found)
        before = watch.look.alerts("bus-co", also_ended=True)
        shown.clear()
        for times in range(1, 4):
            link.renew()
            until(lambda times=times: heard.count("offline") >= times and link.connected)  # type: ignore[misc]
            tell(link, device, telemetry.encode(ONLINE), Leaf.STATUS)
        until(lambda: heard[-1] == "online")
        watch.until(device.name, lambda found: not found)
        assert heard.count("online") >= 4
        assert shown == {State.WELL}
        assert watch.look.alerts("bus-co", also_ended=True) == before


def test_a_tail_that_was_cut_off_shows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for every in ("_REGISTER_S", "_SWEEP_S"):
        monkeypatch.setattr(fleet_watch, every, 0.1)
    device = world.new_scanner()
    log = Log.new(device)
    with session(device) as connected:
        connected.deliver(log.append(), log.append())
    with watching(world.layout) as watch, speaking(device) as link:
        tell(link, device, signed(device, log.head))
        watch.until(device.name, lambda found: not found)
        tell(link, device, signed(device, LogHead(log.log, 9, b"9" * 32)))  # nine were signed for, two have come, none waits
        watch.until(device.name, lambda found: found == {Trouble.GAP})


def test_what_is_refused_is_counted_and_changes_nothing(world: World) -> None:
    device, other = world.new_scanner(), world.new_scanner()
    head = LogHead(b"l" * 16, 3, b"h" * 32)
    forged = signed(other, head)
    with watching(world.layout) as watch, speaking(device) as link:
        strange = well(log=telemetry.Log("0" * 32, 1, "không phải base64"))
        for wrong in (b"{}", b"\xff", forged, strange, b"{" * 5000):
            tell(link, device, wrong)
        tell(link, device, b'{"v": 1, "state": "fine"}', Leaf.STATUS)
        tell(link, device, signed(device, head))
        watch.until(device.name, lambda _found: (it := watch.look.device(device.name)) is not None and it.head == head)
        counted = {(each.leaf, each.times) for each in watch.look.refused("bus-co") if each.name == device.name}
        assert counted == {("telemetry", 5), ("status", 1)}
        known = watch.look.device(device.name)
        assert known is not None
        assert known.status == ONLINE


def test_a_store_that_cannot_be_written_for_a_while_ends_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_watch, "_REST_S", 0.05)
    device = world.new_scanner()
    with watching(world.layout) as watch, speaking(device) as link:
        with closing(sqlite3.connect(world.layout.fleet_store, isolation_level=None)) as other:
            other.execute("PRAGMA busy_timeout = 5000")
            other.execute("BEGIN IMMEDIATE")
            tell(link, device, well(at_ms=now_ms(), gate="closed"))
            while not watch.watch._seldom._counts[("store",)]:
                watch.watch._stopping.wait(0.02)
            other.execute("ROLLBACK")
        tell(link, device, well(at_ms=now_ms()))
        watch.until(device.name, lambda _found: (it := watch.look.device(device.name)) is not None and it.telemetry is not None)


def test_a_device_that_has_just_joined_is_seen_soon(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for every in ("_SOON_S", "_SWEEP_S"):
        monkeypatch.setattr(fleet_watch, every, 0.1)
    with watching(world.layout) as watch:
        device = world.new_scanner()
        with speaking(device) as link:
            while watch.look.device(device.name) is None:
                tell(link, device, well(at_ms=now_ms()))
            tell(link, device, well(at_ms=now_ms()))
            watch.until(device.name, lambda found: not found)


def told_next(watch: Watching, name: DeviceName) -> Message:
    """What Home Assistant is told next of this device; others of this world have retained births, of which it is told too."""
    while (message := watch.published.get(timeout=20)).topic != fleet_discovery.topic(name):
        pass
    return message


def told_no_more(watch: Watching, name: DeviceName) -> bool:
    told = [watch.published.get() for _ in range(watch.published.qsize())]
    return fleet_discovery.topic(name) not in {message.topic for message in told}


def test_home_assistant_is_told_of_a_device_and_of_its_end(world: World) -> None:
    device = world.new_scanner("market-co")
    with watching(world.layout) as watch, speaking(device) as link:
        tell(link, device, well(at_ms=now_ms()))
        message = told_next(watch, device.name)
        assert message.retain
        tell(link, device, well(at_ms=now_ms(), gate="closed"))
        until(lambda: kept(watch, device.name).gate == "closed")
        assert told_no_more(watch, device.name), "what has not changed is not said again"
        ours = seen(name=device.name, site="Chợ", gate="Cổng", telemetry=well(), added_ms=0)
        assert message == fleet_discovery.message(ours)
        revoked = cli("device", "revoke", world.layout.root, device.name)
        assert revoked.returncode == 0, revoked.stderr
    with watching(world.layout) as watch:
        assert told_next(watch, device.name) == fleet_discovery.gone(device.name)


def kept(watch: Watching, name: DeviceName) -> Telemetry:
    """What is kept of a device, and of one that has told nothing yet that it runs since before it was started."""
    found = watch.look.device(name)
    return (found and found.telemetry) or well(uptime_s=-1)


def test_home_assistant_is_told_anew_by_the_first_message_of_a_new_connection_and_by_no_other(world: World) -> None:
    device = world.new_scanner("market-co")
    with watching(world.layout) as watch:
        topic = device.name.topic(Leaf.TELEMETRY)
        for up_s in range(0, 6, 2):
            first, second = (telemetry.encode(well(at_ms=now_ms(), uptime_s=up_s + more)) for more in (0, 1))
            watch.watch.on_event(Connected())
            watch.watch.on_event(Arrived(topic, first, retained=False, handle=(0, 0)))
            told_next(watch, device.name)
            watch.watch.on_event(Arrived(topic, second, retained=False, handle=(0, 0)))
            until(lambda up_s=up_s: kept(watch, device.name).uptime_s == up_s + 1)  # type: ignore[misc]
            assert told_no_more(watch, device.name)


def test_home_assistant_is_told_anew_when_another_release_is_offered_and_not_while_releases_cannot_be_read(tmp_path: Path) -> None:
    told, published = well(versions=Versions("0.1.0", architecture="arm64", python="3.11")), list[Message]()
    answers: list[dict[tuple[str, str], str] | None] = [{}, {("arm64", "3.11"): "0.2.0"}, None]

    def offers() -> dict[tuple[str, str], str]:
        answer = answers.pop(0)
        if answer is None:
            raise ProvinceError("root.pub cannot be read")
        return answer

    with FleetStore(tmp_path / "fleet.sqlite") as store:
        watch = fleet_watch.FleetWatch(store, tmp_path / "register.sqlite", offers=offers)
        for _ in range(3):
            watch._look_for_releases()
            watch._let_discover(seen(telemetry=told), published.append)
    assert [b'"0.2.0' in message.payload or b'\\"0.2.0' in message.payload for message in published] == [False, True]


def test_a_flood_of_births_and_wills_is_taken_whole(tmp_path: Path) -> None:
    with FleetStore(tmp_path / "fleet.sqlite") as store:
        watch = fleet_watch.FleetWatch(store, tmp_path / "register.sqlite")
        for number in range(20_000):
            for leaf in (Leaf.TELEMETRY, Leaf.STATUS):
                watch.on_event(Arrived(f"gate/v1/bus-co/scanner-{number}/{leaf}", b"{}", retained=True, handle=(0, 0)))
        taken = [event.topic.rpartition("/")[2] for _ in range(50) for event in watch._batch(0.01)]
        assert (taken.count("status"), taken.count("telemetry")) == (20_000, 2500)


def test_what_is_missing_still_is_when_the_watch_is_started_anew(tmp_path: Path) -> None:
    with FleetStore(tmp_path / "fleet.sqlite") as store:
        store.registered([Seen(GATE, "Chợ", "Cổng", 0)])
        store.told(GATE, well(), None, now_ms())
        store.judged(GATE, {Trouble.GAP: "3 entries are missing between others"}, now_ms())
        watch = fleet_watch.FleetWatch(store, tmp_path / "register.sqlite")
        (gate,) = store.devices(None)
        watch._judge(gate)  # before it has looked into the register
        assert [(each.trouble, each.ended_ms) for each in store.alerts(None) if each.trouble is Trouble.GAP] == [(Trouble.GAP, None)]


def test_a_second_watch_is_told_so(world: World) -> None:
    with ProcessLock(world.layout.fleet_lock, "gate-province watch"):
        done = cli("watch", world.layout.root)
    assert (done.returncode, "stop it first" in done.stderr) == (1, True)
    assert cli("watch", world.layout.root, "--waits-min", "0").returncode == 2


def test_alerts_are_shown_and_taken(world: World) -> None:
    device = world.new_scanner("market-co")
    with watching(world.layout) as watch, speaking(device) as link:
        tell(link, device, well(at_ms=now_ms(), certificate_days=3))
        watch.until(device.name, lambda found: found == {Trouble.CERTIFICATE})
        shown = cli("alerts", world.layout.root, "--org", "market-co", "--json")
        mine = [alert for alert in json_lines(shown.stdout) if alert["name"] == str(device.name)]
        assert [(alert["trouble"], alert["words"]) for alert in mine] == [("certificate", "ends in 3 days")]
        assert str(device.name) not in cli("alerts", world.layout.root, "--org", "bus-co").stdout
        number = mine[0]["number"]
        assert cli("alerts", world.layout.root, "--org", "bus-co", "--take", number, "--by", "Ba").returncode == 1, "another's"
        assert cli("alerts", world.layout.root, "--take", number, "--by", "Ba").returncode == 0
        assert cli("alerts", world.layout.root, "--take", number, "--by", "Tư").returncode == 1, "taken already"
        assert "Ba" in cli("alerts", world.layout.root).stdout
        assert cli("alerts", world.layout.root, "--take", number).returncode == 2
