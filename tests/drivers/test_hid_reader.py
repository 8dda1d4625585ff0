from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import integers
from pty_port import PtyPort
from typing_scanner import ENTER, EVENT, F1, SHIFT, TypingScanner, events, keys, press

from drivers import hid_reader
from drivers.catalogue import check_reader_url
from drivers.errors import BadUrl, Unavailable, Unplugged
from drivers.hid_reader import HidReader
from drivers.line_framing import LineFraming
from drivers.us_keyboard import UsKeyboard

pytestmark = pytest.mark.timeout(30)
SYN_DROPPED = EVENT.pack(0, 0, 0, 3, 0)


@pytest.fixture
def scanner(tmp_path: Path) -> Iterator[TypingScanner]:
    scanner = TypingScanner(tmp_path / "event7")
    yield scanner
    scanner.close()


def opened(scanner: TypingScanner) -> HidReader:
    return HidReader(scanner.path, grab=lambda _fd: None)


def test_events_cut_anywhere_are_put_together(scanner: TypingScanner) -> None:
    reader = opened(scanner)
    data = events(keys("001099012345|Nguyễn Văn A\r"))
    lines = reader.lines()
    taken: list[bytes] = []
    consumer = threading.Thread(target=lambda: taken.append(next(lines).data))
    consumer.start()
    for start in range(0, len(data), 37):
        scanner.send(data[start : start + 37])
    consumer.join(10)
    reader.close()
    assert taken[0].decode() == "001099012345|Nguyễn Văn A"


def test_after_lost_events_the_rest_of_a_code_is_not_taken_for_another_code(scanner: TypingScanner) -> None:
    """Lost from the middle: Shift went down, and what is left to read up to Enter is a person's code of its own."""
    reader = opened(scanner)
    scanner.send(events([*keys("0010"), (SHIFT, 1)]) + SYN_DROPPED + events(keys("001099012345\rwhole\r")))
    assert next(reader.lines()).data == b"whole"
    assert reader.refused() == {"binary": 1}
    reader.close()


def test_what_the_kernel_kept_of_a_cut_report_is_not_believed(scanner: TypingScanner) -> None:
    """libevdev, "SYN_DROPPED handling": all events up to and including the next SYN_REPORT belong to a report of which some are lost."""
    reader = opened(scanner)
    scanner.send(events(keys("00")) + SYN_DROPPED + events(press(ENTER))[EVENT.size : 3 * EVENT.size] + events(keys("45\rwhole\r")))
    assert next(reader.lines()).data == b"whole"
    assert reader.refused() == {"binary": 1}
    reader.close()


@given(start=integers(0, 125), count=integers(1, 125))
def test_whatever_is_lost_no_part_of_a_code_is_taken_for_a_code(start: int, count: int) -> None:
    typed, size = events(keys("first|1\rsecond|2\r")), EVENT.size
    reader = object.__new__(HidReader)
    reader._framing, reader._keyboard, reader._partial, reader._skipping = LineFraming(64), UsKeyboard(), b"", False
    lines = reader._typed(typed[: start * size] + SYN_DROPPED + typed[(start + count) * size :] + events(keys("\r\rthird|3\r")))
    assert set(lines) <= {b"first|1", b"second|2", b"third|3"}
    assert lines[-1] == b"third|3"


def test_a_modifier_held_at_unplugging_is_not_held_afterwards(scanner: TypingScanner) -> None:
    reader = opened(scanner)
    scanner.send(events([(SHIFT, 1), *keys("a")]))
    scanner.unplug()
    with pytest.raises(Unplugged):
        next(reader.lines())
    reader.close()
    scanner.replug()
    reader = opened(scanner)
    scanner.type("a1\r")
    assert next(reader.lines()).data == b"a1"
    reader.close()


def test_a_device_that_errs_is_unplugged() -> None:
    port = PtyPort()  # its end errs with EIO at hang-up, as an event device does with ENODEV
    reader = HidReader(port.path, grab=lambda _fd: None)
    port.unplug()
    with pytest.raises(Unplugged, match="reopened by itself"):
        next(reader.lines())
    reader.close()


def test_a_code_without_an_enter_is_dropped_after_a_silence(scanner: TypingScanner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hid_reader, "_BURST_GAP_S", 0.05)
    reader = opened(scanner)
    scanner.send(events([*keys("half"), (SHIFT, 1)]))
    taken: list[bytes] = []
    consumer = threading.Thread(target=lambda: taken.append(next(reader.lines()).data))
    consumer.start()
    while not reader.refused():
        threading.Event().wait(0.01)
    scanner.type("whole\r")
    consumer.join(5)
    reader.close()
    assert taken == [b"whole"]


def test_a_key_that_is_no_text_refuses_its_line_only(scanner: TypingScanner) -> None:
    reader = opened(scanner)
    scanner.send(events([*keys("00"), *press(F1), *keys("10\rnext\r")]))
    assert next(reader.lines()).data == b"next"
    assert reader.refused() == {"binary": 1}
    reader.close()


@pytest.mark.parametrize(
    "number, told",
    [
        (errno.EBUSY, "grabbed by another program"),
        (errno.ENOTTY, "no input device"),
        (errno.EACCES, "add the user to the group input"),
    ],
)
def test_what_cannot_be_grabbed_is_unavailable_and_let_go(scanner: TypingScanner, number: int, told: str) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))

    def grab(_fd: int) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(Unavailable, match=told):
        HidReader(scanner.path, grab=grab)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_that_is_no_event_device_cannot_be_grabbed(scanner: TypingScanner) -> None:
    with pytest.raises(Unavailable, match="no input device"):
        HidReader(scanner.path)


def inputs(root: Path, *devices: tuple[str, str, str, str]) -> Path:
    for event, vendor, product, key in devices:
        for name, text in (("id/vendor", vendor), ("id/product", product), ("capabilities/key", key)):
            file = root / event / "device" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text + "\n", encoding="ascii")
    return root


KEYBOARD, VOLUME_KEYS = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe", "1f 0"


def test_a_scanner_is_found_by_vendor_and_product(tmp_path: Path) -> None:
    here = inputs(
        tmp_path, ("event0", "046d", "c31c", KEYBOARD), ("event1", "1a86", "5512", VOLUME_KEYS), ("event2", "1a86", "5512", KEYBOARD)
    )
    assert hid_reader._event_device("hid:", "1A86:5512", here) == "/dev/input/event2"


def test_two_of_the_same_kind_must_be_named_by_path(tmp_path: Path) -> None:
    here = inputs(tmp_path, ("event1", "1a86", "5512", KEYBOARD), ("event2", "1a86", "5512", KEYBOARD))
    with pytest.raises(Unavailable, match=r"2 such scanners are plugged in.*by-path"):
        HidReader("1a86:5512", inputs=here)
    with pytest.raises(Unavailable, match="no such scanner is plugged in"):
        HidReader("1a86:0000", inputs=here)


@pytest.mark.parametrize("device", ["event3", "1a86-5512", "1a86:55123", "../event3"])
def test_a_device_is_a_path_or_vendor_and_product(device: str) -> None:
    with pytest.raises(BadUrl, match="name a path like /dev/input/by-id"):
        check_reader_url(f"hid:{device}")
