"""Scanner modules set up on a real pseudo terminal by simulated modules that behave as their manuals say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis.strategies import binary, integers, lists, sampled_from
from module_port import FACTORY_SETTINGS, De2120Port, Gm65Port

from drivers import scanner_module
from drivers.catalogue import open_reader
from drivers.errors import Unavailable, Unplugged
from drivers.gm65 import Gm65, frame
from drivers.serial_reader import SerialReader

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def gm65() -> Iterator[Gm65Port]:
    port = Gm65Port()
    yield port
    port.unplug()


@pytest.fixture
def de2120() -> Iterator[De2120Port]:
    port = De2120Port()
    yield port
    port.unplug()


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner_module, "_ANSWER_S", 0.1)


# Newland FM30 user guide p. 26: the worked examples of the protocol that the GM65 shares.
@pytest.mark.parametrize(
    "command, written",
    [(frame(0x08, 0x0000, 0xD6), "7e000801 0000 d6 df22"), (frame(0x09, 0x0000, 0x00), "7e000901 0000 00 dec8")],
)
def test_commands_are_those_of_the_manual(command: bytes, written: str) -> None:
    assert command == bytes.fromhex(written)


@pytest.mark.parametrize(
    "options, settings",
    [
        ("", 0b0001_0110),  # beep and light at a reading are off: only the gate says accepted
        ("&trigger=sense", 0b0001_0111),
        ("&trigger=host&aim=off&light=off", 0b0000_0001),
        ("&aim=always&light=always", 0b0010_1010),
    ],
)
def test_a_gm65_is_set_in_memory_and_its_flash_is_left_alone(gm65: Gm65Port, options: str, settings: int) -> None:
    for _ in range(3):
        open_reader(f"serial:{gm65.path}?module=gm65{options}").close()
        assert gm65.zones[0x0000] == settings
        gm65.power_cycle()
        assert gm65.zones[0x0000] == FACTORY_SETTINGS
    assert gm65.flash_writes == 0


@pytest.mark.parametrize(
    "scanned_in, end",
    [
        ({}, b"\r"),
        ({0x0060: 0x21}, b"\r\n"),
        ({0x000D: 0xA1}, b"\r"),  # a USB keyboard: commands are answered, codes go elsewhere
        ({0x000D: 0xA3}, b"\r"),
        ({0x0060: 0x00}, b"\r"),  # no line end
        ({0x0060: 0x61}, b"\r"),
        ({0x0060: 0x41}, b"\r"),  # a tab is no line end
        ({0x000D: 0x01, 0x0060: 0x04}, b"\r"),  # the kind of code before it
    ],
)
def test_whatever_was_scanned_into_a_gm65_its_codes_come_here_whole_and_ended(scanned_in: dict[int, int], end: bytes) -> None:
    port = Gm65Port(scanned_in=scanned_in)
    reader = SerialReader(port.path, module="gm65")
    assert port.show(b"001099012345") == b"001099012345" + end
    assert next(reader.lines()).data == b"001099012345"
    assert reader.refused() == {}
    assert port.flash_writes == 0
    assert port.zones[0x000D] & 0xFC == port.flash[0x000D] & 0xFC, "what is not ours is left as it was"
    reader.close()
    port.unplug()


def test_a_gm65_on_its_own_usb_plug_goes_on_sending_there(tmp_path: Path) -> None:
    port = Gm65Port(tmp_path / "ttyACM0", scanned_in={0x000D: 0xA3})
    SerialReader(port.path, module="gm65").close()
    assert port.zones[0x000D] == 0xA3
    port.unplug()


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize(
    "zone, told", [(0x000D, "tell where its codes go (zone bit 0x000D)"), (0x0060, "the line end after a code (zone bit 0x0060)")]
)
def test_a_gm65_that_does_not_know_a_zone_bit_is_named_with_it(gm65: Gm65Port, zone: int, told: str) -> None:
    gm65.unknown = {zone}
    with pytest.raises(Unavailable, match=f"the GM65 refuses to .*{re.escape(told)} .answer 0300.. Check its type"):
        SerialReader(gm65.path, module="gm65")


def test_host_triggering_makes_it_read_and_its_answer_is_no_code(gm65: Gm65Port) -> None:
    reader = SerialReader(gm65.path, module="gm65", trigger="host")
    assert gm65.zones[0x0002] == 0
    reader.trigger()
    assert gm65.wait_until(lambda: gm65.zones[0x0002] == 1)
    gm65.send(b"\x02001099012345\x03")
    assert next(reader.lines()).data == b"001099012345"
    assert reader.refused() == {}
    gm65.unplug()
    with pytest.raises(Unplugged, match="went away while writing"):
        reader.trigger()
    reader.close()
    reader.trigger()


def test_a_code_shown_while_it_is_set_up_is_not_lost() -> None:
    port = Gm65Port(noise=b"too early\r")
    reader = SerialReader(port.path, module="gm65")
    assert next(reader.lines()).data == b"too early"
    assert reader.refused() == {}
    reader.close()
    port.unplug()


def test_a_module_that_ends_every_answer_alike_is_understood() -> None:
    port = Gm65Port(fixed_sum=True)
    SerialReader(port.path, module="gm65", trigger="sense").close()
    assert port.zones[0x0000] == 0b0001_0111
    port.unplug()


@pytest.mark.usefixtures("quickly")
def test_a_command_hurt_on_the_line_is_sent_again(gm65: Gm65Port) -> None:
    gm65.wrong_sums_to_send = 2
    SerialReader(gm65.path, module="gm65").close()
    assert gm65.zones[0x0000] == 0b0001_0110


@pytest.mark.usefixtures("quickly")
def test_a_module_that_refuses_is_named_with_what_to_do(gm65: Gm65Port) -> None:
    gm65.unknown = {0x0000}
    with pytest.raises(
        Unavailable, match=r"the GM65 refuses to set its trigger and lights \(zone bit 0x0000\) \(answer 0300\). Check its type"
    ):
        SerialReader(gm65.path, module="gm65")


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("module, port", [("gm65", Gm65Port), ("de2120", De2120Port)])
def test_a_module_that_does_not_answer_is_an_error_and_the_port_is_let_go(module: str, port: type[Gm65Port | De2120Port]) -> None:
    deaf = port(deaf=True)
    with pytest.raises(Unavailable, match=f"no {module.upper()} answers there .*Check that the module's RX is wired"):
        SerialReader(deaf.path, module=module)
    assert len(deaf.heard) == 3
    SerialReader(deaf.path).close()
    deaf.unplug()


@pytest.mark.usefixtures("quickly")
def test_a_module_that_is_deaf_at_first_is_asked_again(gm65: Gm65Port) -> None:
    gm65.deaf = True
    original = gm65.receive

    def receive() -> bytes:
        data = original()
        gm65.deaf = not gm65.heard  # the first command only wakes it
        return data

    gm65.receive = receive  # type: ignore[method-assign]
    SerialReader(gm65.path, module="gm65").close()
    assert gm65.zones[0x0000] == 0b0001_0110


def test_a_de2120_reads_all_the_time_without_a_setting_in_its_flash(de2120: De2120Port) -> None:
    reader = SerialReader(de2120.path, module="de2120")
    lines = reader.lines()
    for number in range(1, 4):
        de2120.send(b"code %d\r" % number)
        assert next(lines).data == b"code %d" % number
        assert de2120.wait_until(lambda number=number: de2120.scans >= number)
    reader.close()
    assert de2120.flash_writes == 0
    assert reader.refused() == {}


def test_a_de2120_reads_when_the_gate_asks(de2120: De2120Port) -> None:
    reader = SerialReader(de2120.path, module="de2120", trigger="host")
    de2120.send(b"code\r")
    assert next(reader.lines()).data == b"code"
    assert de2120.scans == 0
    reader.trigger()
    assert de2120.wait_until(lambda: de2120.scans == 1)
    reader.close()


@pytest.mark.parametrize(
    "data, answer, rest",
    [
        ("02000001003331", "0000", ""),
        ("02000001d6abcd", None, "02000001d6abcd"),  # a wrong check sum
        ("02000101000401", "0100", ""),  # EM2000 user guide p. 5: the command's check sum was wrong
        ("02000301006a61", "0300", ""),  # the same page: no such command
        ("41420d02000001003331430d", "0000", "41420d430d"),
        ("020000010033", None, "020000010033"),
    ],
)
def test_answers_are_those_of_the_manual(data: str, answer: str | None, rest: str) -> None:
    found, others = Gm65("host", "auto", "auto").cut_answer(bytes.fromhex(data))
    assert (found.hex() if found else None, others.hex()) == (answer, rest)


@given(
    pieces=lists(binary(max_size=12) | sampled_from([b"\x02\x00\x00\x01\x00\x33\x31", b"\x02", b"\x02\x00", b"text\r"])), cut=integers(1, 9)
)
@example(pieces=[b"\x02\x00", b"\x02\x00\x00\x01\x00\x00\x00", b"\x00\x01\x00\x00\x00"], cut=3)
def test_answers_are_cut_out_however_the_stream_is_cut(pieces: list[bytes], cut: int) -> None:
    stream = b"".join(pieces)
    whole, cutting = Gm65("host", "auto", "auto"), Gm65("host", "auto", "auto")
    taken = b"".join(cutting.without_answers(stream[at : at + cut]) for at in range(0, len(stream), cut)) + cutting._held
    assert taken == whole.without_answers(stream) + whole._held
    assert len(cutting._held) < 7
