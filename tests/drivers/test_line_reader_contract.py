"""What every reader must do, asked of each of them."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from module_port import De2120Port, Gm65Port
from pty_port import PtyPort
from typing_scanner import F1, TypingScanner, events, keys, press

from drivers import hid_reader
from drivers.catalogue import open_reader
from drivers.errors import BadUrl, Unavailable, Unplugged
from drivers.line_reader import LineReader

pytestmark = pytest.mark.timeout(60)
Device = PtyPort | TypingScanner


class Bench:
    """A reader, and hands to show it codes, to unplug it and to plug it in again."""

    def __init__(self, device: Device, url: str, encode: Callable[[str], bytes], garbage: bytes) -> None:
        self.device, self.url, self.encode, self.garbage = device, url, encode, garbage
        self.reader = self.open()

    def open(self) -> LineReader:
        self.reader = open_reader(self.url)
        return self.reader

    def send(self, text: str) -> None:
        self.device.send(self.encode(text))


PORTS = {"serial": (PtyPort, ""), "gm65": (Gm65Port, "&module=gm65"), "de2120": (De2120Port, "&module=de2120")}


@pytest.fixture(params=[*PORTS, "hid"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    if request.param == "hid":
        monkeypatch.setattr(hid_reader, "_grab", lambda _fd: None)
        scanner = TypingScanner(tmp_path / "scanner")
        bench = Bench(scanner, f"hid:{scanner.path}?max_bytes=64", lambda text: events(keys(text)), events([*press(F1), *keys("\r")]))
        yield bench
        bench.reader.close()
        scanner.close()
    else:
        make, module = PORTS[request.param]
        port = make(tmp_path / "scanner")
        bench = Bench(port, f"serial:{port.path}?max_bytes=64{module}", str.encode, b"\x00\x01\xff\r")
        yield bench
        bench.reader.close()
        port.unplug()


def test_lines_come_in_order_with_their_times(bench: Bench) -> None:
    start_s = time.monotonic()
    bench.send("Nguyễn\rVăn\rAn\r")
    lines = bench.reader.lines()
    taken = [next(lines) for _ in range(3)]
    assert [line.data.decode() for line in taken] == ["Nguyễn", "Văn", "An"]
    assert start_s <= taken[0].at_s <= taken[1].at_s <= taken[2].at_s <= time.monotonic()


def test_what_is_refused_is_counted_by_reason_only(bench: Bench) -> None:
    bench.device.send(bench.garbage)
    bench.send("x" * 65 + "\rgood\r")
    assert next(bench.reader.lines()).data == b"good"
    assert bench.reader.refused() == {"binary": 1, "oversize": 1}


def test_close_from_another_thread_ends_the_lines(bench: Bench) -> None:
    ended = threading.Event()

    def consume() -> None:
        list(bench.reader.lines())
        ended.set()

    consumer = threading.Thread(target=consume)
    consumer.start()
    bench.reader.close()
    assert ended.wait(10)
    consumer.join(10)


def test_closing_twice_is_harmless_and_there_are_no_lines_afterwards(bench: Bench) -> None:
    bench.send("one\rtwo\r")
    lines = bench.reader.lines()
    next(lines)
    bench.reader.close()
    bench.reader.close()
    assert list(lines) == []
    assert list(bench.reader.lines()) == []


def test_unplugging_is_told_and_plugging_in_again_goes_on(bench: Bench) -> None:
    bench.send("one\rhalf of two")
    lines = bench.reader.lines()
    assert next(lines).data == b"one"
    bench.device.unplug()
    with pytest.raises(Unplugged, match="reopened by itself"):
        next(lines)
    bench.reader.close()
    with pytest.raises(Unavailable, match="cannot be opened"):
        bench.open()
    bench.device.replug()
    reader = bench.open()
    bench.send("three\r")
    assert next(reader.lines()).data == b"three"


def test_a_flood_of_garbage_is_counted_and_takes_no_memory(bench: Bench) -> None:
    count = 10_000
    flood = bench.garbage * count + bench.encode("the person after it\r")
    lines = bench.reader.lines()
    writer = threading.Thread(target=bench.device.send, args=(flood,))
    tracemalloc.start()
    writer.start()
    while next(lines).data != b"the person after it":
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    writer.join(10)
    assert sum(bench.reader.refused().values()) == count
    assert most < 1_000_000


@pytest.mark.parametrize(
    "url, told",
    [
        ("serial:", "name the port after the colon"),
        ("serial:/dev/ttyS9?baud=1", "baud='1' is not allowed"),
        ("serial:/dev/ttyS9?trigger=sense", "not allowed without a module"),
        ("serial:/dev/ttyS9?module=de2120&light=off", "it keeps that for good"),
        ("hid:", "name the device after the colon"),
        ("hid:/dev/input/event3?max_bytes=1", "max_bytes='1' is not allowed"),
        ("keyboard:x", "there is no reader 'keyboard'"),
    ],
)
def test_a_wrong_url_is_refused_before_anything_is_opened(url: str, told: str) -> None:
    with pytest.raises(BadUrl, match=told):
        open_reader(url)
