"""What the kernel's files tell of a board, on a tree made as a Raspberry Pi shows it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drivers import board_health
from drivers.board_health import CpuMeter, Memory, Network

_ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


def put(root: Path, file: str, text: str | bytes) -> None:
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def route(name: str, metric: int, target: str = "00000000", mask: str = "00000000", flags: str = "0003") -> str:
    return f"{name}\t{target}\t0101A8C0\t{flags}\t0\t0\t{metric}\t{mask}\t0\t0\t0\n"


def test_the_processor_is_busy_between_two_looks(tmp_path: Path) -> None:
    put(tmp_path, "proc/stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3\n")
    meter = CpuMeter(tmp_path)
    put(tmp_path, "proc/stat", "cpu  125 0 100 760 115 0 0 0 0 0\n")
    assert meter.busy_percent() == 25.0
    assert meter.busy_percent() is None, "nothing has passed"
    assert CpuMeter(tmp_path / "nowhere").busy_percent() is None


def test_memory_of_the_board_and_our_own(tmp_path: Path) -> None:
    put(tmp_path, "proc/meminfo", "MemTotal:        948280 kB\nMemFree: 1 kB\nMemAvailable:    512000 kB\nHugePages_Total:  0\n")
    put(tmp_path, "proc/self/status", "Name:\tgate-agent\nVmRSS:\t   40960 kB\n")
    assert board_health.memory(tmp_path) == Memory(926, 500, 40)
    put(tmp_path, "proc/meminfo", "torn")
    assert board_health.memory(tmp_path) is None


@pytest.mark.parametrize("alarm, low", [("0\n", False), ("1\n", True), ("torn", None)])
def test_too_little_voltage(tmp_path: Path, alarm: str, low: bool | None) -> None:
    put(tmp_path, "sys/class/hwmon/hwmon0/name", "cpu_thermal\n")
    put(tmp_path, "sys/class/hwmon/hwmon0/in0_lcrit_alarm", "1\n")
    assert board_health.under_voltage(tmp_path) is None
    put(tmp_path, "sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    put(tmp_path, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", alarm)
    assert board_health.under_voltage(tmp_path) is low


def card(root: Path, folder: Path) -> Path:
    """A partition of a card as sysfs shows it, under the number that the folder's disk has."""
    number = folder.stat().st_dev
    disk = root / "sys/devices/platform/mmc0/block/mmcblk0"
    put(disk, "mmcblk0p2/partition", "2\n")
    link = root / f"sys/dev/block/{os.major(number)}:{os.minor(number)}"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(disk / "mmcblk0p2")
    return disk


def test_a_card_tells_what_was_written_and_nothing_of_its_age(tmp_path: Path) -> None:
    card(tmp_path, tmp_path)
    put(tmp_path, "sys/fs/ext4/mmcblk0p2/lifetime_write_kbytes", "123456789\n")
    put(tmp_path, "sys/fs/ext4/mmcblk0p2/errors_count", "2\n")
    found = board_health.disk(tmp_path, tmp_path)
    assert found is not None
    assert 0 <= found.free_mb <= found.total_mb
    assert (found.written_gb, found.errors, found.life_used_percent, found.spare_used) == (123.5, 2, None, None)


@pytest.mark.parametrize(
    "life, spare, told",
    [
        ("0x01 0x03\n", "0x01\n", (30, "normal")),
        ("0x0b 0x01\n", "0x03\n", (110, "urgent")),
        ("0x00 0x00\n", "0x00\n", (None, None)),
        ("torn\n", "0x02\n", (None, "warning")),
    ],
)
def test_an_emmc_tells_its_age(tmp_path: Path, life: str, spare: str, told: tuple[object, object]) -> None:
    disk = card(tmp_path, tmp_path)
    put(disk, "device/life_time", life)
    put(disk, "device/pre_eol_info", spare)
    found = board_health.disk(tmp_path, tmp_path)
    assert found is not None
    assert (found.life_used_percent, found.spare_used) == told


def test_a_disk_that_is_no_block_device_is_only_full_or_not(tmp_path: Path) -> None:
    found = board_health.disk(tmp_path, tmp_path)
    assert found is not None
    assert found.written_gb is None
    assert board_health.disk(tmp_path / "nowhere", tmp_path) is None


def test_the_network_is_that_of_the_best_default_route(tmp_path: Path) -> None:
    assert board_health.network(tmp_path) == Network("none")
    put(tmp_path, "sys/class/net/eth0/type", "1\n")
    put(tmp_path, "sys/class/net/wlan0/wireless/x", "")
    put(tmp_path, "sys/class/net/wwan0/type", "65534\n")
    put(tmp_path, "sys/class/net/tun0/type", "65534\n")
    put(tmp_path, "proc/net/wireless", "Inter-| sta\n face | tus\n wlan0: 0000   60.  -57.  -256        0\n")
    local = route("eth0", 0, target="0001A8C0", mask="00FFFFFF")
    for routes, expected in (
        (route("eth0", 100) + route("wlan0", 600), Network("ethernet")),
        (local + route("wlan0", 600) + route("wwan0", 700), Network("wifi", -57)),
        (local + route("wwan0", 700), Network("mobile")),
        (route("tun0", 0), Network("other")),
        (local + route("eth0", 0, flags="0002"), Network("none")),
        ("torn\n", Network("none")),
    ):
        put(tmp_path, "proc/net/route", _ROUTES + routes)
        assert board_health.network(tmp_path) == expected


def test_a_network_of_ipv6_alone_is_one(tmp_path: Path) -> None:
    zeros = "0" * 32
    put(tmp_path, "sys/class/net/eth0/type", "1\n")
    put(
        tmp_path,
        "proc/net/ipv6_route",
        f"{zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200       lo\n"
        f"{zeros} 00 {zeros} 00 fe80{'0' * 27}1 00000400 00000002 00000000 00450003     eth0\n",
    )
    assert board_health.network(tmp_path) == Network("ethernet")


@pytest.mark.parametrize("bits, why", [(0x1000, "power-on"), (0x1020, "power-on"), (0x20, "reset")])
def test_why_the_board_started(tmp_path: Path, bits: int, why: str) -> None:
    assert board_health.started_by(tmp_path) is None
    put(tmp_path, "proc/device-tree/chosen/bootloader/rsts", bits.to_bytes(4, "big"))
    assert board_health.started_by(tmp_path) == why


def test_this_machine_can_be_asked() -> None:
    assert (board_health.uptime_s() or 0) > 0
    assert board_health.memory() is not None
    assert CpuMeter()._before is not None
