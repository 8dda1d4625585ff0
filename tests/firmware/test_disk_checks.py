"""What the self-test says of the disk: real filesystems of this machine, and the files in which Linux tells of wear."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.device.mounts import mount_of
from edge_agent.device.settings import OutboxSettings
from firmware.disk_checks import check_commit, check_disk, check_root
from firmware.verdict import Finding, Verdict

SMALL = OutboxSettings(keep_free_mb=0)
MEMORY = Path("/dev/shm")  # noqa: S108 - the one tmpfs that every Linux has


def mountinfo(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def on_card(tmp_path: Path, kind: str = "ext4", options: str = "rw,noatime", inner: str = "rw") -> Finding:
    """The state folder on partition 2 of a card whose files under /sys the test has written."""
    escaped = str(tmp_path).replace("\\", "\\134").replace(" ", "\\040")
    mounts = mountinfo(
        tmp_path,
        "22 1 254:0 / / rw - ext4 /dev/root rw",
        f"23 22 179:2 / {escaped} {options} shared:1 master:2 - {kind} /dev/mmcblk0p2 {inner}",
    )
    return check_disk(tmp_path, SMALL, mounts, tmp_path / "sys")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """The folder of a card under /sys, as the kernel lays it out: partitions inside the disk, the disk's device beside them."""
    disk = tmp_path / "sys/devices/platform/mmc_host/mmc0/mmc0:0001/block/mmcblk0"
    (disk / "mmcblk0p2").mkdir(parents=True)
    (disk / "device").symlink_to(disk.parent.parent)
    links = tmp_path / "sys/dev/block"
    links.mkdir(parents=True)
    (links / "179:2").symlink_to(disk / "mmcblk0p2")
    (tmp_path / "sys/fs/ext4/mmcblk0p2").mkdir(parents=True)
    return disk / "device"


def test_the_disk_under_the_tests_is_described(tmp_path: Path) -> None:
    finding = check_disk(tmp_path, SMALL)
    assert finding.detail.startswith(mount_of(tmp_path).kind)
    assert "MB free" in finding.detail


def test_a_folder_in_memory_is_a_fault() -> None:
    assert mount_of(MEMORY).kind == "tmpfs"
    finding = check_disk(MEMORY, SMALL)
    assert (finding.verdict, "lost at the next start" in finding.detail) == (Verdict.FAULT, True)


def test_too_little_room_is_a_fault(tmp_path: Path, card: Path) -> None:
    assert card.exists()
    assert on_card(tmp_path).verdict is Verdict.OK
    crowded = check_disk(tmp_path, OutboxSettings(keep_free_mb=1_000_000), mountinfo(tmp_path, "22 1 254:0 / / rw - ext4 /dev/root rw"))
    assert "scans are refused below 1000000 MB" in crowded.detail
    assert check_disk(tmp_path / "none", SMALL).verdict is Verdict.FAULT


@pytest.mark.parametrize("options, inner", [("ro,noatime", "rw"), ("rw", "ro,errors=remount-ro")])
def test_a_disk_that_the_kernel_made_read_only_is_a_fault(tmp_path: Path, options: str, inner: str) -> None:
    finding = on_card(tmp_path, options=options, inner=inner)
    assert (finding.verdict, "read-only" in finding.detail) == (Verdict.FAULT, True)


def test_a_layer_over_another_is_noted(tmp_path: Path) -> None:
    assert on_card(tmp_path, kind="overlay").verdict is Verdict.NOTE


def test_a_cards_root_in_place_of_its_partition_is_a_fault(tmp_path: Path) -> None:
    plain, prepared = mountinfo(tmp_path, "22 1 254:0 / / rw - ext4 /dev/root rw"), tmp_path / "card.conf"
    prepared.touch()
    mine = check_disk(Path("/usr"), SMALL, plain, card=prepared)
    assert (mine.verdict, "not on its partition" in mine.detail, "state.mount" in mine.todo) == (Verdict.FAULT, True, True)
    assert check_disk(Path("/usr"), SMALL, plain, card=tmp_path / "none").verdict is Verdict.OK


def test_a_card_that_has_not_sealed_itself_is_noted(tmp_path: Path) -> None:
    # ProtectSystem=strict shows firmware any root as read-only: only the layer over it tells
    unsealed = mountinfo(tmp_path, "22 1 179:2 / / ro - ext4 /dev/mmcblk0p2 rw")
    card = tmp_path / "card.conf"
    assert check_root(unsealed, card) is None  # no card of ours
    card.touch()
    found = check_root(unsealed, card)
    assert found is not None
    assert (found.verdict, "gate-card-seal" in found.todo) == (Verdict.NOTE, True)
    sealed = check_root(mountinfo(tmp_path, "22 1 0:20 / / ro - overlay overlayroot rw,upperdir=/media/rw/up"), card)
    assert sealed is not None
    assert sealed.verdict is Verdict.OK


def test_a_layer_in_memory_is_a_fault_with_what_to_mount(tmp_path: Path) -> None:
    mounts = mountinfo(
        tmp_path,
        "22 1 0:20 / / rw - overlay overlayroot rw,upperdir=/media/rw/up,workdir=/media/rw/w",
        "23 22 0:19 / /media/rw rw - tmpfs t rw",
    )
    finding = check_disk(tmp_path, SMALL, mounts)
    assert (finding.verdict, "stays shut" in finding.detail, "mount" in finding.todo) == (Verdict.FAULT, True, True)


@pytest.mark.parametrize(
    "file, text, words",
    [
        ("life_time", "0x01 0x01\n", ""),
        ("life_time", "0x0a 0x02\n", "about 90 % of its life"),
        ("life_time", "garbage\n", ""),
        ("pre_eol_info", "0x01\n", ""),
        ("pre_eol_info", "0x02\n", "spare blocks"),
    ],
)
def test_wear_is_noted_where_the_card_tells(tmp_path: Path, card: Path, file: str, text: str, words: str) -> None:
    (card / file).write_text(text)
    finding = on_card(tmp_path)
    assert finding.verdict is (Verdict.NOTE if words else Verdict.OK)
    assert words in finding.detail


def test_errors_of_the_filesystem_are_noted(tmp_path: Path, card: Path) -> None:
    assert card.exists()
    (tmp_path / "sys/fs/ext4/mmcblk0p2/errors_count").write_text("3\n")
    assert "met 3 errors" in on_card(tmp_path).detail


def test_of_mounts_over_each_other_the_last_counts_and_names_may_hold_blanks(tmp_path: Path) -> None:
    odd = tmp_path / "a b\\c"
    odd.mkdir()
    escaped = str(odd).replace("\\", "\\134").replace(" ", "\\040")
    file = mountinfo(
        tmp_path,
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
        f"2 1 0:30 / {escaped} rw - tmpfs tmpfs rw",
        f"3 2 8:2 / {escaped} rw - btrfs /dev/sda2 rw",
        f"4 1 0:31 / {escaped}d rw - nfs a:/b rw",
    )
    assert (mount_of(odd, file).kind, mount_of(odd, file).device) == ("btrfs", "8:2")
    assert mount_of(tmp_path, file).kind == "ext4"


def test_how_fast_an_entry_stays_is_measured_and_nothing_is_left(tmp_path: Path) -> None:
    finding = check_commit(tmp_path)
    assert (finding.verdict, finding.part) == (Verdict.OK, "disk speed")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_fault() -> None:
    finding = check_commit(Path("/proc"))
    assert finding.verdict is Verdict.FAULT
    assert "check the disk" in finding.todo
