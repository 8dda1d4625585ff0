from __future__ import annotations

import time
from pathlib import Path

import pytest

from drivers import system_clock


@pytest.mark.parametrize(
    "returned, status, hctosys, state",
    [
        (0, 0x2001, None, "synchronised"),
        (0, 0x2001, "1", "synchronised"),
        (5, 0x0001, None, "unknown"),
        (0, 0x0040, "0", "unknown"),
        (5, 0x0040, "1", "rtc"),
        (5, 0x0040, None, "unknown"),
    ],
)
def test_the_kernel_is_believed_only_when_it_says_synchronised(
    returned: int, status: int, hctosys: str | None, state: str, tmp_path: Path
) -> None:
    if hctosys is not None:
        (tmp_path / "rtc0").mkdir()
        (tmp_path / "rtc0" / "hctosys").write_text(hctosys + "\n")
    assert system_clock.judge(returned, status, tmp_path) == state


def test_this_machine_answers() -> None:
    returned, status = system_clock.kernel_clock()
    assert 0 <= returned <= 5
    assert (returned == 5) == bool(status & 0x40) or returned == 5
    assert system_clock.clock_state() in {"synchronised", "rtc", "unknown"}


def test_clocks_are_in_milliseconds_and_the_boot_keeps_its_id() -> None:
    assert abs(system_clock.wall_ms() / 1000 - time.time()) < 1
    assert abs(system_clock.boottime_ms() / 1000 - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1
    assert len(system_clock.boot_id()) == 16
    assert system_clock.boot_id() == system_clock.boot_id()
