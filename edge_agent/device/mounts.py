"""Finds what a folder lies on, and whether that is memory: what was shown green there would be gone at power-off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
CARD = Path("/etc/systemd/system/gate-firmware.service.d/card.conf")  # where it lies, debian/image/prepare has been: it lays this
_SYSTEM = Path("/usr")  # the root itself is another one in the agent's sandbox
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_MEMORY_DISKS = ("/dev/zram", "/dev/ram")


@dataclass(frozen=True, slots=True)
class Mount:
    """The filesystem a folder lies on.

    Attributes:
        kind: as the kernel calls it, for example `ext4`.
        device: its block device as `major:minor`.
        read_only: the kernel writes nothing there, by wish or after an error.
        source: what is mounted, for example `/dev/mmcblk0p3`.
        upper: of an overlay, the folder that takes what is written; else empty.
    """

    kind: str
    device: str
    read_only: bool
    source: str = ""
    upper: str = ""


def mount_of(folder: Path, mountinfo: Path = MOUNTS) -> Mount:
    """Finds a folder's filesystem in the kernel's list (proc(5), `/proc/[pid]/mountinfo`).

    Raises:
        OSError: the folder or the list cannot be read.
    """
    return _covering(folder.resolve(strict=True), mountinfo)


def lost_place(folder: Path, mountinfo: Path = MOUNTS, card: Path = CARD, system: Path = _SYSTEM) -> str:
    """Says where a folder lies if nothing may be recorded there, to be put after "lies"; empty where it may.

    That is memory; and on a card with a partition for the state, the root: it is under a layer of memory from the next boot on, and
    the partition, once it is there, covers what was written. It may come late, or not at all.

    Args:
        folder: it need not be there yet.
        mountinfo: the kernel's list.
        card: a file that is there on a card with such a partition.
        system: a folder of the root.
    """
    if memory := memory_under(folder, mountinfo):
        return f"in memory ({memory})"
    return "on the card's root, not on its partition gate-state" if card.exists() and _same_filesystem(folder, system) else ""


def _same_filesystem(folder: Path, system: Path) -> bool:
    there = next(each for each in (folder.resolve(), *folder.resolve().parents) if each.exists())
    return there.stat().st_dev == system.stat().st_dev


def memory_under(folder: Path, mountinfo: Path = MOUNTS) -> str:
    """Names the memory that a folder lies in; empty where it lies on a disk, and where nobody can tell.

    That is a filesystem in memory, one on a disk that is memory (zram), and an overlay whose upper layer is either: a read-only root
    takes every write there, and drops it at power-off. An upper layer that cannot be seen from here (a container's) tells nothing.

    Args:
        folder: it need not be there yet.
        mountinfo: the kernel's list.
    """
    try:
        mount = _covering(folder.resolve(), mountinfo)
        if mount.kind == "overlay" and mount.upper:
            upper = _covering(Path(mount.upper), mountinfo)
            return f"an overlay whose upper layer is in {upper.kind}" if _is_memory(upper) else ""
    except OSError:
        return ""
    return mount.kind if _is_memory(mount) else ""


def _is_memory(mount: Mount) -> bool:
    return mount.kind in _IN_MEMORY or mount.source.startswith(_MEMORY_DISKS)


def _covering(real: Path, mountinfo: Path) -> Mount:
    found, best = Mount("unknown", "0:0", read_only=False), -1
    for point, mount in _all(mountinfo):
        if (real == point or point in real.parents) and len(point.parts) >= best:  # of two on one place the later covers the earlier
            found, best = mount, len(point.parts)
    return found


def _all(mountinfo: Path) -> Iterator[tuple[Path, Mount]]:
    for line in mountinfo.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        _number, _parent, device, _root, place, options, *_tags = before.split(" ")
        kind, source, inner, *_ = [*after.split(" "), "", ""]
        told = inner.split(",")
        upper = next((_unescaped(one.removeprefix("upperdir=")) for one in told if one.startswith("upperdir=")), "")
        yield Path(_unescaped(place)), Mount(kind, device, "ro" in options.split(",") or "ro" in told, _unescaped(source), upper)


def _unescaped(place: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        place = place.replace(code, char)
    return place
