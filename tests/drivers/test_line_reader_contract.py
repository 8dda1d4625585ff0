"""What every reader must do, asked of each of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pty_port import PtyPort

from drivers.catalogue import open_reader
from drivers.errors import Unplugged
from drivers.line_reader import LineReader

pytestmark = pytest.mark.timeout(30)


class Bench:
    """A reader, and hands to feed and unplug it."""

    def __init__(self, reader: LineReader, send: Callable[[bytes], None], unplug: Callable[[], None]) -> None:
        self.reader, self.send, self.unplug = reader, send, unplug


@pytest.fixture(params=["serial"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    assert request.param == "serial"
    port = PtyPort()
    reader = open_reader(f"serial:{port.path}?max_bytes=64")
    yield Bench(reader, port.send, port.unplug)
    reader.close()
    port.unplug()


def test_lines_come_in_order_with_their_times(bench: Bench) -> None:
    start_s = time.monotonic()
    bench.send("Nguyễn\r\nVăn\rAn\n".encode())
    lines = bench.reader.lines()
    taken = [next(lines) for _ in range(3)]
    assert [line.data.decode() for line in taken] == ["Nguyễn", "Văn", "An"]
    assert start_s <= taken[0].at_s <= taken[1].at_s <= taken[2].at_s <= time.monotonic()


def test_what_is_refused_is_counted_by_reason_only(bench: Bench) -> None:
    bench.send(b"\x00\x01\r" + b"x" * 65 + b"\rgood\r")
    assert next(bench.reader.lines()).data == b"good"
    assert bench.reader.refused() == {"binary": 1, "oversize": 1}


def test_close_from_another_thread_ends_the_lines_within_a_second(bench: Bench) -> None:
    consumer = threading.Thread(target=lambda: list(bench.reader.lines()))
    consumer.start()
    threading.Event().wait(0.1)
    closed_s = time.monotonic()
    bench.reader.close()
    consumer.join(5)
    assert not consumer.is_alive()
    assert time.monotonic() - closed_s < 1


def test_closing_twice_is_harmless_and_there_are_no_lines_afterwards(bench: Bench) -> None:
    bench.send(b"one\rtwo\r")
    lines = bench.reader.lines()
    next(lines)
    bench.reader.close()
    bench.reader.close()
    assert list(lines) == []
    assert list(bench.reader.lines()) == []


def test_unplugging_is_told(bench: Bench) -> None:
    lines = bench.reader.lines()
    bench.send(b"one\r")
    next(lines)
    bench.unplug()
    with pytest.raises(Unplugged, match="reopened by itself"):
        next(lines)
