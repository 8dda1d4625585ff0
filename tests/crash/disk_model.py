"""A disk behind a page cache: plays system calls, and says what a power cut may leave of them.

What is certain, after POSIX (fsync, rename) and no more:

- Bytes and size of a file stay once it is fsynced. Until then each 512-byte sector may hold any of the contents it has had since: the
  kernel and the drive write back when and in which order they like, and tear a long write anywhere. A file may have grown without its
  bytes: then it holds zeros.
- A name (made, linked, renamed, deleted) stays once its folder is fsynced; fsync of the file does nothing for it. Until then each change
  of names may be there or not, in any order; one rename is one change, also between two folders.
- Cutting a file short is a change of its metadata: what was written behind it comes after it, or not at all.

Some file systems promise more (ext4 keeps the order of names); nothing here leans on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from types import MappingProxyType

from system_calls import Call, CannotTrace

SECTOR_BYTES = 512
Contents = dict[int, list[bytes]]
# Chooses the content of a sector: its number, how many contents it may have (the first is the oldest) → which one
Pick = Callable[[int, int], int]


def _put(data: bytearray, offset: int, piece: bytes) -> None:
    if offset > len(data):
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(piece)] = piece


def _sector(data: bytes | bytearray, number: int) -> bytes:
    return bytes(data[number * SECTOR_BYTES : (number + 1) * SECTOR_BYTES]).ljust(SECTOR_BYTES, b"\0")


@dataclass(slots=True)
class Era:
    """A file between two cuts of its length: what is certain of it, and what each sector has held since."""

    certain: bytes
    size: int
    contents: Contents = field(default_factory=dict)

    def left(self, pick: Pick, *, grown: bool) -> bytes:
        """What a power cut leaves; `grown`: the new size got to the disk though some bytes did not."""
        data, end = bytearray(self.certain), len(self.certain)
        for number, contents in self.contents.items():
            which = pick(number, len(contents))
            if which:
                _put(data, number * SECTOR_BYTES, contents[which])
                end = max(end, (number + 1) * SECTOR_BYTES)
        size = self.size if grown else min(end, self.size)
        return bytes(data[:size]).ljust(size, b"\0")


@dataclass(slots=True)
class File:
    """A file's bytes as programs see them now, and the eras of which a power cut may leave one."""

    now: bytearray = field(default_factory=bytearray)
    eras: list[Era] = field(default_factory=lambda: [Era(b"", 0)])

    def write(self, offset: int, piece: bytes) -> None:
        """Into the page cache."""
        era, before = self.eras[-1], self.now
        numbers = range(offset // SECTOR_BYTES, (offset + len(piece) - 1) // SECTOR_BYTES + 1)
        for number in numbers:
            era.contents.setdefault(number, [_sector(before, number)])
        _put(self.now, offset, piece)
        for number in numbers:
            era.contents[number].append(_sector(self.now, number))
        era.size = len(self.now)

    def resize(self, size: int) -> None:
        """Shorter or longer."""
        era = self.eras[-1]
        if size >= len(self.now):
            self.now.extend(bytes(size - len(self.now)))
            era.size = size
        else:
            del self.now[size:]
            kept = {number: list(contents) for number, contents in era.contents.items() if number * SECTOR_BYTES < size}
            self.eras.append(Era(era.certain[:size], size, kept))

    def fsync(self) -> None:
        """All of it is on the disk to stay."""
        self.eras = [Era(bytes(self.now), len(self.now))]


@dataclass(slots=True)
class Folder:
    """A folder's names: as programs see them, and those that are certain."""

    now: dict[str, File | Folder] = field(default_factory=dict)
    certain: dict[str, File | Folder] = field(default_factory=dict)


Node = File | Folder


@dataclass(frozen=True, slots=True)
class Renaming:
    """One change of names: (folder, name, what it names from now on) each."""

    parts: tuple[tuple[Folder, str, Node | None], ...]

    def touches(self, folder: Folder) -> bool:
        """Whether an fsync of the folder makes it stay."""
        return any(part is folder for part, _name, _node in self.parts)


Image = dict[str, bytes | None]  # by path below the root; None is a folder


class Disk:
    """The files below one folder of the traced process.

    Args:
        root: that folder, an absolute path.
        before: what is in it at first, to stay.
    """

    def __init__(self, root: str, before: Mapping[str, bytes | None] = MappingProxyType({})) -> None:
        self._root = root
        self._open: dict[int, tuple[Node, list[int]]] = {}  # by descriptor: with the offset of the next plain write
        self.top = Folder()
        self.renamings: list[Renaming] = []
        for path, data in sorted(before.items()):
            found = self._folder_and_name(f"{root}/{path}")
            if found is not None:
                self._rename((*found, Folder() if data is None else _old_file(data)))
        for renaming in self.renamings:
            _make_certain(renaming)
        self.renamings = []

    # ── playing calls ────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _folder_and_name(self, path: str, descriptor: str = "AT_FDCWD") -> tuple[Folder, str] | None:
        if descriptor.isdecimal() and not path.startswith("/"):
            opened = self._open.get(int(descriptor))
            if opened is None or not isinstance(opened[0], Folder):
                return None
            folder, names = opened[0], path.split("/")
        elif path.startswith(self._root + "/"):
            folder, names = self.top, path[len(self._root) + 1 :].split("/")
        else:
            return None
        for name in names[:-1]:
            below = folder.now[name]
            if not isinstance(below, Folder):
                raise CannotTrace(f"{path}: {name} is no folder")
            folder = below
        return folder, names[-1]

    def _rename(self, *parts: tuple[Folder, str, Node | None]) -> bool:
        for folder, name, node in parts:
            if node is None:
                folder.now.pop(name, None)
            else:
                folder.now[name] = node
        self.renamings.append(Renaming(parts))
        return True

    def play(self, call: Call) -> bool:
        """Does what a call did; tells whether it changed or secured anything here."""
        match call.name:
            case "openat":
                return self._openat(call)
            case "close":
                self._open.pop(call.number(0), None)
                return False
            case "write" | "pwrite64":
                return self._write(call)
            case "ftruncate" | "fsync" | "fdatasync":
                return self._on_descriptor(call)
            case "mkdir" | "unlink" | "rmdir" | "unlinkat" | "rename" | "link":
                return self._on_names(call)
        if call.name != "mmap" or ("MAP_SHARED" in call.text(3) and "PROT_WRITE" in call.text(2) and not self._is_rebuilt(call.text(4))):
            self._refuse_to_overlook(call)
        return False

    def _refuse_to_overlook(self, call: Call) -> None:
        for argument in call.arguments[:5]:
            path = isinstance(argument, bytes) and argument.startswith(self._root.encode())
            if path or (isinstance(argument, str) and argument.isdecimal() and int(argument) in self._open):
                raise CannotTrace(f"{call.name}: not played back")

    def _is_rebuilt(self, descriptor: str) -> bool:
        """Whether a mapped file is one that SQLite builds anew after a power cut."""
        opened = self._open.get(int(descriptor))
        return opened is None or any(name.endswith("-shm") and node is opened[0] for name, node in self._names())

    def _names(self) -> Iterator[tuple[str, Node]]:
        folders = [self.top]
        while folders:
            for name, node in folders.pop().now.items():
                yield name, node
                folders += [node] if isinstance(node, Folder) else []

    def _openat(self, call: Call) -> bool:
        path, flags = call.text(1), call.text(2).split("|")
        if path == self._root:
            self._open[call.result] = (self.top, [0])
            return False
        found = self._folder_and_name(path, call.text(0))
        if found is None:
            return False
        folder, name = found
        new = name not in folder.now
        if new:
            self._rename((folder, name, File()))
        node = folder.now[name]
        self._open[call.result] = (node, [0])
        if "O_TRUNC" in flags and isinstance(node, File) and node.now:
            node.resize(0)
            return True
        return new

    def _write(self, call: Call) -> bool:
        opened = self._open.get(call.number(0))
        if opened is None:
            return False
        node, position = opened
        if isinstance(node, Folder):
            raise CannotTrace(f"{call.name}: to a folder")
        offset = call.number(3) if call.name == "pwrite64" else position[0]
        node.write(offset, call.data())
        if call.name == "write":
            position[0] += call.result
        return True

    def _on_descriptor(self, call: Call) -> bool:
        opened = self._open.get(call.number(0))
        if opened is None:
            return False
        node = opened[0]
        if isinstance(node, Folder):
            self._fsync_folder(node)
        elif call.name == "ftruncate":
            node.resize(call.number(1))
        else:
            node.fsync()
        return True

    def _fsync_folder(self, folder: Folder) -> None:
        for renaming in self.renamings:
            if renaming.touches(folder):
                _make_certain(renaming)
        self.renamings = [renaming for renaming in self.renamings if not renaming.touches(folder)]

    def _on_names(self, call: Call) -> bool:
        if call.name == "unlinkat":
            found = self._folder_and_name(call.text(1), call.text(0))
            return found is not None and self._rename((*found, None))
        first = self._folder_and_name(call.text(0))
        if first is None:
            return False
        match call.name:
            case "mkdir":
                return self._rename((*first, Folder()))
            case "unlink" | "rmdir":
                return self._rename((*first, None))
        second = self._folder_and_name(call.text(1))
        if second is None:
            raise CannotTrace(f"{call.name}: out of the folder")
        node = first[0].now[first[1]]
        if second[0].now.get(second[1]) is node:
            return False  # two names of one file: rename does nothing then
        return self._rename((*first, None), (*second, node)) if call.name == "rename" else self._rename((*second, node))

    # ── cutting the power ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def left(self, kept: Sequence[bool], left_of: Callable[[File], bytes]) -> Image:
        """What is on the disk when the power is back.

        Args:
            kept: for each of `renamings`, whether it got there; one into a folder that did not cannot have.
            left_of: what a file holds.
        """
        names: dict[int, dict[str, Node]] = {}

        def below(folder: Folder, path: str) -> Iterator[tuple[str, Node]]:
            for name, node in names.get(id(folder), folder.certain).items():
                yield path + name, node
                if isinstance(node, Folder):
                    yield from below(node, f"{path}{name}/")

        for renaming in compress(self.renamings, kept):
            there = {id(self.top), *(id(node) for _path, node in below(self.top, ""))}
            for folder, name, node in renaming.parts if all(id(part[0]) in there for part in renaming.parts) else ():
                here = names.setdefault(id(folder), dict(folder.certain))
                if node is None:
                    here.pop(name, None)
                else:
                    here[name] = node
        return {path: None if isinstance(node, Folder) else left_of(node) for path, node in below(self.top, "")}


def _old_file(data: bytes) -> File:
    return File(bytearray(data), [Era(data, len(data))])


def _make_certain(renaming: Renaming) -> None:
    for folder, name, node in renaming.parts:
        if node is None:
            folder.certain.pop(name, None)
        else:
            folder.certain[name] = node


def played(calls: Iterable[Call], root: str) -> Disk:
    """A disk after all calls."""
    disk = Disk(root)
    for call in calls:
        disk.play(call)
    return disk
