"""Who tells alerts on: each place by itself and in order, a slow one holding up neither the others nor the end."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, Self, cast

import pytest
from aiosmtpd.controller import Controller
from page_world import WAIT_S, until
from province_world import founded, free_port

from edge_agent.wire.topics import DeviceName
from province.base.layout import Layout
from province.fleet import senders
from province.fleet.notice_settings import Mail, Webhook
from province.fleet.notices import GIVE_UP_MS, Batch, Notices
from province.fleet.senders import Teller
from province.fleet.sight import Sight
from province.watch.fleet_rules import Seen, Trouble
from province.watch.fleet_store import FleetAlert, FleetStore

NOW_MS = 1_766_282_400_000
ALERT = FleetAlert(1, DeviceName("bus-co", "xe-1"), Trouble.HEAT, "83 °C", NOW_MS - 120_000, None, None, None, None)
SINK = Webhook("cầu nối", None, frozenset(Trouble), 0, True, "https://127.0.0.1/", b"0123456789abcdef0123456789abcdef")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return founded(tmp_path / "province")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(senders, "_EACH_S", 0.01)


@pytest.fixture
def sight(layout: Layout) -> Iterator[Sight]:
    FleetStore(layout.fleet_store).__exit__()
    made = Sight(layout.fleet_store)
    made.start()
    yield made
    made.stop()


def happens(layout: Layout, device: str, at_ms: int = NOW_MS) -> None:
    """A scanner goes offline."""
    name = DeviceName("bus-co", device)
    with FleetStore(layout.fleet_store) as store:
        store.registered([*store.devices(None), Seen(name, "Bến xe", "Cửa trước", 0)])
        store.judged(name, {Trouble.OFFLINE: "was stopped"}, at_ms)


class Slow:
    """A webhook that answers only when it may."""

    def __init__(self) -> None:
        self.asked, self.may = threading.Semaphore(0), threading.Event()
        self.came: list[list[str]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                alerts = json.loads(self.rfile.read(int(self.headers["content-length"])))["alerts"]
                outer.came.append([alert["device"] for alert in alerts])
                outer.asked.release()
                outer.may.wait(WAIT_S)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.sink = replace(SINK, name="slow", url=f"http://127.0.0.1:{self._server.server_port}/")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.may.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def letters() -> Iterator[tuple[Mail, list[str]]]:
    """A mail server, and the texts that it was sent."""
    came: list[str] = []

    class Letters:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
            came.append(message_from_bytes(envelope.content, policy=policy.default).get_content())
            return "250 ok"

    controller = Controller(Letters(), "127.0.0.1", free_port())
    controller.start()
    try:
        yield (
            Mail(
                "thư", None, frozenset(Trouble), 0, True, "127.0.0.1", controller.port, "none", "", "", "gate@example.vn",
                ("truc@example.vn",), None,
            ),
            came,
        )  # fmt: skip
    finally:
        controller.stop()


def threads_of_tellers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("teller of")]


@pytest.mark.usefixtures("quick")
def test_a_slow_webhook_holds_no_letter_up_and_is_told_in_order(layout: Layout, sight: Sight) -> None:
    with Slow() as slow, letters() as (mail, came):
        teller = Teller(layout, sight, [slow.sink, mail])
        teller.start()
        try:
            happens(layout, "xe-1")
            assert slow.asked.acquire(timeout=WAIT_S)
            for device in ("xe-2", "xe-3"):
                happens(layout, device)
                until(lambda device=device: any(f"bus-co/{device}" in text for text in came))  # type: ignore[misc]
            assert slow.came == [["xe-1"]]  # one at a time
            slow.may.set()
            until(lambda: len(slow.came) > 1)
        finally:
            teller.stop()
        assert slow.came == [["xe-1"], ["xe-2", "xe-3"]]
    assert len(came) == 3
    until(lambda: not threads_of_tellers())


@pytest.mark.usefixtures("quick")
def test_it_ends_though_a_place_does_not_and_what_was_not_told_is_told_after_the_next_start(
    layout: Layout, sight: Sight, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(senders, "_STOP_S", 0.05)
    with Slow() as slow:
        teller = Teller(layout, sight, [slow.sink])
        teller.start()
        happens(layout, "xe-1")
        assert slow.asked.acquire(timeout=WAIT_S)
        teller.stop()
        assert not teller._thread.is_alive()
        assert not slow.may.is_set()
        again = Teller(layout, sight, [slow.sink])
        again.start()
        assert slow.asked.acquire(timeout=WAIT_S)
        slow.may.set()
        again.stop()
        assert slow.came == [["xe-1"], ["xe-1"]]
    with Notices(layout.fleet_notices.with_suffix(".sqlite")) as notices:
        assert notices.due([slow.sink], sight.ask(lambda store: store.alerts(None)), NOW_MS + GIVE_UP_MS) == []
    until(lambda: not threads_of_tellers())


@pytest.mark.usefixtures("quick")
def test_what_is_on_its_way_when_it_shall_end_is_noted(layout: Layout, sight: Sight) -> None:
    with Slow() as slow:
        teller = Teller(layout, sight, [slow.sink])
        teller.start()
        happens(layout, "xe-1")
        assert slow.asked.acquire(timeout=WAIT_S)
        ending = threading.Thread(target=teller.stop)
        ending.start()
        until(teller._stopping.is_set)
        slow.may.set()
        ending.join(WAIT_S)
    with Notices(layout.fleet_notices.with_suffix(".sqlite")) as notices:
        assert notices.due([slow.sink], sight.ask(lambda store: store.alerts(None)), NOW_MS + GIVE_UP_MS) == []


class Sights:
    """One alert that is open, without a store."""

    def ask(self, _asked: object) -> list[FleetAlert]:
        return [ALERT]


def test_one_place_that_raises_is_tried_again_and_keeps_nobody_waiting(
    layout: Layout, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    at_ms, reached = [NOW_MS], list[str]()

    def deliver(due: Batch, _at_ms: int) -> None:
        reached.append(due.sink.name)
        if due.sink.name == "mistyped":
            raise UnicodeError("hunter2")

    teller = Teller(layout, cast(Sight, Sights()), [replace(SINK, name="mistyped"), SINK], deliver, lambda: at_ms[0])

    def told_at(later_ms: int) -> list[str]:
        before, at_ms[0] = len(reached), NOW_MS + later_ms
        teller.round(notices)
        while teller._busy:
            teller.listen(notices, 0.02)
        return sorted(reached[before:])

    with Notices(tmp_path / "n.sqlite") as notices:
        assert [told_at(0), told_at(9_999), told_at(10_000)] == [sorted(["mistyped", SINK.name]), [], ["mistyped"]]
        assert [told_at(GIVE_UP_MS + 1), told_at(2 * GIVE_UP_MS)] == [["mistyped"], []]
        teller.finish(notices)
    assert "mistyped: not told (unexpected UnicodeError (test_fleet_telling.py" in caplog.text
    assert "1 given up" in caplog.text
    assert "hunter2" not in caplog.text
