"""Who holds the header's pins: answers of the kernel written as its uapi header lays them out, read back by the driver."""

from __future__ import annotations

import ctypes
import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import Unavailable
from drivers.gpio_lines import holders

USED, OUTPUT, ACTIVE_LOW = 1, 8, 2  # GPIO_V2_LINE_FLAG_*


class ChipInfo(ctypes.Structure):
    """struct gpiochip_info."""

    _fields_ = (("name", ctypes.c_char * 32), ("label", ctypes.c_char * 32), ("lines", ctypes.c_uint32))


class LineInfo(ctypes.Structure):
    """struct gpio_v2_line_info."""

    _fields_ = (
        ("name", ctypes.c_char * 32),
        ("consumer", ctypes.c_char * 32),
        ("offset", ctypes.c_uint32),
        ("num_attrs", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("attrs", ctypes.c_uint64 * 20),
        ("padding", ctypes.c_uint32 * 4),
    )


def request(direction: int, number: int, size: int) -> int:
    """An ioctl's number as asm-generic/ioctl.h makes it."""
    return direction << 30 | size << 16 | 0xB4 << 8 | number


CHIP_INFO, LINE_INFO = request(2, 1, ctypes.sizeof(ChipInfo)), request(3, 5, ctypes.sizeof(LineInfo))


class Kernel:
    """Answers the two questions; chips by their file, each with a label and lines."""

    def __init__(self, folder: Path, **labels: str) -> None:
        self.folder = folder
        self.labels = labels
        self.lines: dict[int, tuple[int, bytes]] = {}
        for chip in labels:
            (folder / chip).touch()

    def ioctl(self, descriptor: int, number: int, buffer: bytearray) -> int:
        label = self.labels[Path(f"/proc/self/fd/{descriptor}").readlink().name]
        if label == "gone":
            raise OSError(errno.ENODEV, "No such device")
        if number == CHIP_INFO:
            ChipInfo.from_buffer(buffer).label = label.encode()
            return 0
        assert number == LINE_INFO
        line = LineInfo.from_buffer(buffer)
        line.flags, line.consumer = self.lines.get(line.offset, (0, b""))
        assert "pinctrl" in label, "another chip's lines are none of the header's"
        return 0

    def holders(self, *pins: int) -> dict[int, str]:
        return dict(holders(pins, self.folder, self.ioctl))


@pytest.mark.parametrize("label", ["pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835"])
def test_only_held_pins_are_named_with_their_holders(tmp_path: Path, label: str) -> None:
    kernel = Kernel(tmp_path, gpiochip0="brcmvirt-gpio", gpiochip4=label)
    kernel.lines = {17: (USED | OUTPUT, b"lg"), 8: (USED, b""), 22: (OUTPUT | ACTIVE_LOW, b""), 5: (USED, b"x")}
    assert kernel.holders(27, 22, 17, 8) == {8: "another program", 17: "lg"}


@given(flags=st.integers(0, 2**64 - 1), consumer=st.binary(max_size=32))
def test_whatever_the_kernel_says_is_read(tmp_path_factory: pytest.TempPathFactory, flags: int, consumer: bytes) -> None:
    kernel = Kernel(tmp_path_factory.mktemp("dev"), gpiochip0="pinctrl-bcm2711")
    kernel.lines = {4: (flags, consumer)}
    assert set(kernel.holders(4)) == ({4} if flags & USED else set())


def test_without_a_header_or_a_permission_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="this machine has none"):
        holders({17}, tmp_path)
    kernel = Kernel(tmp_path, gpiochip0="gone", gpiochip1="i2c-expander")
    with pytest.raises(Unavailable, match="gpiochip0: No such device; add the user to the group gpio"):
        kernel.holders(17)


def test_a_file_that_is_no_chip_is_refused_by_the_real_kernel(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").touch()
    with pytest.raises(Unavailable, match="Inappropriate ioctl"):
        holders({17}, tmp_path)
