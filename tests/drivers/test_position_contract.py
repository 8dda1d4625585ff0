"""What every source of positions must do, asked of each of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pty_port import PtyPort
from receivers import GpsdServer, rmc, tpv

from drivers.catalogue import open_position
from drivers.errors import BadUrl, Stalled, Unavailable, Unplugged
from drivers.position import Fix, NoFix, PositionSource

pytestmark = pytest.mark.timeout(30)


def gpsd_report(second: int, *, valid: bool = True) -> str:
    place = {"lat": 22.485 + second / 6e4, "lon": 103.97 + second / 6e4, "speed": 9.98} if valid else {}
    return tpv(mode=3 if valid else 1, time=f"2026-07-21T02:15:{second:02d}.000Z", **place)


class Bench:
    def __init__(self, device: PtyPort | GpsdServer, url: str, report: Callable[..., str]) -> None:
        self.device, self.url, self.report = device, url, report
        self.source = self.open()

    def open(self, options: str = "") -> PositionSource:
        self.source = open_position(self.url + options)
        return self.source

    def send(self, *texts: str) -> None:
        self.device.send("".join(texts).encode())


@pytest.fixture(params=["gpsd", "nmea"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    device: PtyPort | GpsdServer = GpsdServer() if request.param == "gpsd" else PtyPort(tmp_path / "receiver")
    url, report = (device.url, gpsd_report) if isinstance(device, GpsdServer) else (f"nmea:{device.path}", rmc)
    bench = Bench(device, url, report)
    yield bench
    bench.source.close()
    device.unplug()


def test_fixes_come_in_order_with_place_and_time(bench: Bench) -> None:
    start_s = time.monotonic()
    bench.send(bench.report(17), bench.report(18))
    reports = bench.source.fixes()
    one, other = next(reports), next(reports)
    assert isinstance(one, Fix)
    assert isinstance(other, Fix)
    assert start_s <= one.at_s <= other.at_s <= time.monotonic()
    assert (one.latitude, one.longitude) == pytest.approx((22.48528, 103.97028), abs=0.0002)
    assert other.latitude > one.latitude


def test_no_fix_is_said_and_the_next_fix_too(bench: Bench) -> None:
    bench.send(bench.report(1), bench.report(2, valid=False), bench.report(3))
    reports = bench.source.fixes()
    assert [type(next(reports)) for _ in range(3)] == [Fix, NoFix, Fix]


def test_a_silent_receiver_is_stalled_and_can_be_opened_anew(bench: Bench) -> None:
    bench.source.close()
    if isinstance(bench.device, GpsdServer):
        bench.device.unplug()
        bench.device.replug()
    source = bench.open("?stall_s=0.2")
    bench.send("$noise\r\n", bench.report(1), "more noise without an end")
    reports = source.fixes()
    next(reports)
    with pytest.raises(Stalled, match=r"for 0\.2 s\. Check"):
        next(reports)
    source.close()
    bench.open().close()


def test_garbage_is_harmless(bench: Bench) -> None:
    texts = ("{]\r\n", "\x00\x01\r\n", "x" * 20_000 + "\r\n", bench.report(5))
    sender = threading.Thread(target=bench.send, args=texts)  # a port takes no more than its buffer while nobody reads
    sender.start()
    assert isinstance(next(bench.source.fixes()), Fix)
    sender.join(10)


def test_a_receiver_that_sends_garbage_only_is_stalled_and_why_is_said(bench: Bench) -> None:
    bench.source.close()
    if isinstance(bench.device, GpsdServer):
        bench.device.unplug()
        bench.device.replug()
    source = bench.open("?stall_s=0.2")
    bench.send("\x00\x01\r\n" * 3)
    with pytest.raises(Stalled, match=r"for 0\.2 s \(what came was thrown away: binary\)\. Check the receiver"):
        next(source.fixes())


def test_close_from_another_thread_ends_the_reports(bench: Bench) -> None:
    consumer = threading.Thread(target=lambda: list(bench.source.fixes()))
    consumer.start()
    bench.source.close()
    consumer.join(10)
    assert not consumer.is_alive()


def test_closing_twice_is_harmless_and_there_are_no_reports_afterwards(bench: Bench) -> None:
    bench.send(bench.report(1), bench.report(2))
    reports = bench.source.fixes()
    next(reports)
    bench.source.close()
    bench.source.close()
    assert list(reports) == []
    assert list(bench.source.fixes()) == []


def test_unplugging_is_told_and_plugging_in_again_goes_on(bench: Bench) -> None:
    bench.send(bench.report(1))
    reports = bench.source.fixes()
    next(reports)
    bench.device.unplug()
    with pytest.raises(Unplugged, match="by itself"):
        next(reports)
    bench.source.close()
    with pytest.raises(Unavailable):
        bench.open()
    bench.device.replug()
    source = bench.open()
    bench.send(bench.report(2))
    assert isinstance(next(source.fixes()), Fix)


@pytest.mark.parametrize(
    "url, told",
    [
        ("gpsd:localhost", "name host and port, for example localhost:2947"),
        ("gpsd:localhost:0", "name host and port"),
        ("gpsd:localhost:65536", "name host and port"),
        ("gpsd:", "name the server after the colon"),
        ("nmea:/dev/ttyS9?stall_s=0", "stall_s='0' is not allowed"),
        ("gps:x", "there is no position 'gps'"),
    ],
)
def test_a_wrong_url_is_refused_before_anything_is_opened(url: str, told: str) -> None:
    with pytest.raises(BadUrl, match=told):
        open_position(url)
