"""What is said of a folder whose entries would be gone at power-off: real overlays, and the kernel's list as a read-only Pi has it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edge_agent.device.mounts import MOUNTS, lost_place, memory_under

ROOT_IN_MEMORY = "22 1 0:20 / / rw - overlay overlayroot rw,lowerdir=/media/ro,upperdir=/media/rw\\040x/overlay,workdir=/media/rw\\040x/_"
UPPER = "23 22 0:19 / /media/rw\\040x rw - tmpfs tmpfs-root rw"
CARD = "24 22 179:3 / /var/lib/gate-scanner rw,noatime - ext4 /dev/mmcblk0p3 rw"
STATE = Path("/var/lib/gate-scanner/of/a/gate")


def listed(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


@pytest.mark.parametrize(
    "lines, memory",
    [
        ([ROOT_IN_MEMORY, UPPER], "an overlay whose upper layer is in tmpfs"),
        ([ROOT_IN_MEMORY, UPPER, CARD], ""),
        ([ROOT_IN_MEMORY], ""),  # a container sees no upper layer: nobody can tell
        ([ROOT_IN_MEMORY, UPPER.replace("- tmpfs tmpfs-root", "- ext4 /dev/sda1")], ""),
        ([ROOT_IN_MEMORY, UPPER.replace("- tmpfs tmpfs-root", "- ext4 /dev/zram0")], "an overlay whose upper layer is in ext4"),
        (["22 1 179:2 / / ro - ext4 /dev/mmcblk0p2 ro", "23 22 0:9 / /var rw - tmpfs tmpfs rw"], "tmpfs"),
        (["22 1 179:2 / / ro - ext4 /dev/mmcblk0p2 ro", "23 22 0:9 / /var rw - ramfs none rw", CARD], ""),
        (["22 1 179:2 / / rw - ext4 /dev/mmcblk0p2 rw", "23 22 252:0 / /var/lib rw - ext4 /dev/zram1 rw"], "ext4"),
        ([], ""),
    ],
)
def test_memory_is_named_and_a_disk_is_not(tmp_path: Path, lines: list[str], memory: str) -> None:
    assert memory_under(STATE, listed(tmp_path, *lines)) == memory


def test_where_the_kernels_list_is_missing_nothing_is_said(tmp_path: Path) -> None:
    assert memory_under(STATE, tmp_path / "none") == ""


def test_a_folder_that_is_not_there_yet_lies_where_it_would_be_made() -> None:
    assert memory_under(Path("/dev/shm/not/there")) == "tmpfs"  # noqa: S108 - the one tmpfs that every Linux has


def test_real_overlays_are_told_apart_by_their_upper_layer(tmp_path: Path) -> None:
    for folder in ("lower", "disk/up", "disk/work", "memory", "over-disk", "over-memory"):
        (tmp_path / folder).mkdir(parents=True)
    script = """
        set -e; cd "$1"
        mount -t tmpfs tmpfs memory; mkdir memory/up memory/work
        for where in disk memory; do
            mount -t overlay overlay -o "lowerdir=$1/lower,upperdir=$1/$where/up,workdir=$1/$where/work" over-$where
        done
        cat /proc/self/mountinfo
    """
    made = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", str(tmp_path)], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no overlay can be mounted here: {made.stderr}")
    mounts = tmp_path / "seen"
    mounts.write_text(made.stdout)
    assert memory_under(tmp_path / "over-memory", mounts) == "an overlay whose upper layer is in tmpfs"
    assert memory_under(tmp_path / "over-disk", mounts) == memory_under(tmp_path, MOUNTS)


def test_a_card_with_a_partition_for_its_state_is_given_nothing_on_its_root(tmp_path: Path) -> None:
    card, nothing = tmp_path / "card.conf", listed(tmp_path)
    state = tmp_path / "state" / "not made yet"
    assert lost_place(state, nothing, card, system=tmp_path) == ""  # any machine that no one has prepared
    card.touch()
    assert lost_place(state, nothing, card, system=tmp_path) == "on the card's root, not on its partition gate-state"
    assert lost_place(state, nothing, card, system=Path("/proc")) == ""  # another filesystem than the root's: its partition
    assert lost_place(STATE, listed(tmp_path, ROOT_IN_MEMORY, UPPER), card, system=Path("/")).startswith("in memory (")
