"""What a Raspberry Pi tells of itself, through files and `vcgencmd` as they are on one."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers import raspberry_pi


def test_the_model_ends_before_its_zero_byte(tmp_path: Path) -> None:
    assert raspberry_pi.model(tmp_path) == ""
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    assert raspberry_pi.model(tmp_path) == "Raspberry Pi 5 Model B Rev 1.0"


def test_the_warmest_zone_counts(tmp_path: Path) -> None:
    assert raspberry_pi.temperature_c(tmp_path) is None
    for number, text in enumerate(("45123\n", "61000\n", "torn")):
        zone = tmp_path / f"sys/class/thermal/thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "temp").write_text(text)
    assert raspberry_pi.temperature_c(tmp_path) == 61.0


@pytest.mark.parametrize(
    "script, bits",
    [
        ('[ "$1" = get_throttled ] && echo throttled=0x50005', 0x50005),
        ("echo throttled=0x0", 0),
        ("echo VCHI initialization failed; exit 255", None),
        ("echo throttled=torn", None),
        ("exec /nowhere", None),
    ],
)
def test_vcgencmd_is_asked_where_the_kernel_does_not_tell(tmp_path: Path, script: str, bits: int | None) -> None:
    command = tmp_path / "vcgencmd"
    command.write_text(f"#!/bin/sh\n{script} 2>/dev/null\n")
    command.chmod(0o755)
    assert raspberry_pi.throttled(tmp_path, str(command)) == bits
    file = tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled"
    file.parent.mkdir(parents=True)
    file.write_text("1\n")
    assert raspberry_pi.throttled(tmp_path, str(command)) == 1


def test_without_either_nothing_is_told(tmp_path: Path) -> None:
    assert raspberry_pi.throttled(tmp_path, "no-such-vcgencmd") is None


def test_bits_become_words() -> None:
    assert raspberry_pi.throttled_words(0) == ((), ())
    assert raspberry_pi.throttled_words(0b1111)[0] == (
        "too little voltage",
        "processor speed capped",
        "slowed down",
        "at the temperature limit",
    )
