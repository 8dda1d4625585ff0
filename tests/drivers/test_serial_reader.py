from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pty_port import PtyPort

from drivers import serial_reader
from drivers.errors import Unavailable
from drivers.serial_reader import SerialReader


@pytest.fixture
def port() -> Iterator[PtyPort]:
    port = PtyPort()
    yield port
    port.unplug()


def test_a_line_sent_in_pieces_with_pauses_is_put_together(port: PtyPort) -> None:
    reader = SerialReader(port.path)
    taken: list[bytes] = []
    consumer = threading.Thread(target=lambda: taken.append(next(reader.lines()).data))
    consumer.start()
    for piece in (b"\x02001099", b"01", b"2345\x03"):
        port.send(piece)
        threading.Event().wait(0.05)
    consumer.join(5)
    reader.close()
    assert taken == [b"001099012345"]


def test_a_line_that_never_ends_is_dropped_after_a_silence(port: PtyPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_reader, "_BURST_GAP_S", 0.1)
    reader = SerialReader(port.path)
    taken: list[bytes] = []
    consumer = threading.Thread(target=lambda: taken.append(next(reader.lines()).data))
    consumer.start()
    port.send(b"half")
    threading.Event().wait(0.4)
    port.send(b"whole\r")
    consumer.join(5)
    reader.close()
    assert taken == [b"whole"]
    assert reader.refused() == {"incomplete": 1}


def test_a_port_is_ours_alone(port: PtyPort) -> None:
    reader = SerialReader(port.path)
    with pytest.raises(Unavailable, match="in use by another program"):
        SerialReader(port.path)
    reader.close()
    SerialReader(port.path).close()


def test_an_absent_port_is_named_with_the_cure() -> None:
    with pytest.raises(Unavailable) as refused:
        SerialReader("/dev/ttyACM99")
    assert str(refused.value) == (
        "'serial:/dev/ttyACM99' cannot be opened (no such device). Plug the reader in, or name its port: "
        "`gate-firmware check` lists the ports it sees."
    )


def test_a_file_that_is_no_port_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="cannot be opened"):
        SerialReader(str(tmp_path / "file"))


def test_a_port_closed_from_outside_while_idle_is_released_at_once(port: PtyPort) -> None:
    for _ in range(20):
        reader = SerialReader(port.path)
        consumer = threading.Thread(target=lambda reader=reader: list(reader.lines()))
        consumer.start()
        reader.close()
        consumer.join(5)
        assert not consumer.is_alive()
