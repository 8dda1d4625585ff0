"""An organisation's own tools read its devices' health and nothing else, until they are revoked."""

from __future__ import annotations

import queue
from pathlib import Path

from conftest import World
from fleet_world import speaking, tell, well
from province_world import WAIT_S, cli

from edge_agent.link.broker_link import Arrived, BrokerLink, Connected, Disconnected, Event
from edge_agent.link.endpoint import Endpoint
from province.base.clock import now_ms
from province.base.layout import Layout


def viewer(layout: Layout, org: str, files: Path, events: queue.SimpleQueue[Event]) -> BrokerLink:
    own = Endpoint("127.0.0.1", layout.read_settings().port, files / "ca.crt", files / "viewer.crt", files / "viewer.key")
    link = BrokerLink(own, org, [f"gate/v1/{org}/+/telemetry", "gate/v1/+/+/telemetry", "#"], events.put, clean_session=True)
    link.start()
    return link


def test_a_viewer_sees_its_org_until_it_is_revoked(world: World, tmp_path: Path) -> None:
    device, other = world.new_scanner("bus-co"), world.new_scanner("market-co")
    files = tmp_path / "viewer"
    done = cli("viewer", "add", world.layout.root, "bus-co", "--out", files)
    assert (done.returncode, "gate/v1/bus-co/homeassistant" in done.stdout) == (0, True), done.stderr
    assert (files / "viewer.key").stat().st_mode & 0o077 == 0
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    link = viewer(world.layout, "bus-co", files, events)
    try:
        assert isinstance(events.get(timeout=WAIT_S), Connected)
        with speaking(other) as theirs, speaking(device) as ours:
            tell(theirs, other, well(at_ms=now_ms()))
            tell(ours, device, well(at_ms=now_ms()))
            seen = set()
            while f"gate/v1/{device.name}/telemetry" not in seen:
                event = events.get(timeout=WAIT_S)
                if isinstance(event, Arrived):
                    seen.add(event.topic)
        assert not any(topic.startswith("gate/v1/market-co/") for topic in seen)
    finally:
        link.stop()
    revoked = cli("viewer", "revoke", world.layout.root, "bus-co")
    assert (revoked.returncode, "1 certificates of viewers of bus-co are revoked" in revoked.stdout) == (0, True), revoked.stderr
    link = viewer(world.layout, "bus-co", files, events)
    try:
        while not isinstance(event := events.get(timeout=WAIT_S), Disconnected):
            assert not isinstance(event, Arrived)
        assert "certificate" in event.why
    finally:
        link.stop()


def test_what_cannot_be_a_viewer_is_said(world: World, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for words in (
        ("province", "--out", tmp_path / "x"),
        ("bus-co",),
        ("a/b", "--out", tmp_path / "x"),
        ("bus-co", "--out", tmp_path / "there"),
    ):
        assert cli("viewer", "add", world.layout.root, *words).returncode == 2
    assert not (tmp_path / "x").exists()
