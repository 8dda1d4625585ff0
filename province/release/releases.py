"""The releases that scanners may fetch: signed out of a Debian package, kept as files named by their hashes for any web server to serve."""

from __future__ import annotations

import ast
import email.parser
import io
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge_agent.base.process_lock import alone
from edge_agent.wire import release
from edge_agent.wire.authority import Power
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.release import MAX_RELEASE_BYTES, MOST_PART_BYTES, Part, Release
from province.base.errors import NotAProvince, ProvinceError
from province.base.files import PUBLIC, keep_folder, write_atomically
from province.base.layout import Layout
from province.commands import issuing
from province.keys import officers

SUFFIX, PARTS = ".release", "parts"
_OWN = re.compile(r"gate_scanner-[^-]+-.*\.whl")
_FORMATS = "edge_agent/update/stored_formats.py"
_WHEELS = re.compile(r"(\./)?usr/share/gate-scanner/wheels/([^/]+\.whl)")
_ENVIRONMENT_BYTES = 30_000_000  # the environment itself, and what pip compiles, is about a third more than the wheels hold
_COMPILED = 4 / 3


@dataclass(frozen=True, slots=True)
class Source:
    """What a release is made of.

    Attributes:
        wheels: by name.
        architecture: as Debian names it.
        python: minor version.
    """

    wheels: dict[str, bytes]
    architecture: str
    python: str


@dataclass(frozen=True, slots=True)
class Known:
    """A release of this province, by its own name."""

    release_id: str
    release: Release


def of_package(file: Path) -> Source:
    """What a Debian package of the gate brings.

    Raises:
        NotAProvince: it is none, or cannot be read.
    """
    try:
        fields = _dpkg("--field", str(file), "Architecture", "Depends").decode()
        archive = _dpkg("--fsys-tarfile", str(file))
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotAProvince(f"{file}: not a Debian package, or dpkg-deb is not here ({error}).") from None
    with tarfile.open(fileobj=io.BytesIO(archive)) as tree:
        wheels = {found[2]: _member(tree, member) for member in tree if (found := _WHEELS.fullmatch(member.name)) and member.isfile()}
    architecture = re.search(r"^Architecture: (\w+)$", fields, re.MULTILINE)
    python = re.search(r"python3 \(>= (3\.\d+)\)", fields)
    if not wheels or architecture is None or python is None:
        raise NotAProvince(f"{file}: not a package of gate-scanner for scanners; make one: make deb")
    return Source(wheels, architecture[1], python[1])


def _dpkg(*words: str) -> bytes:
    return subprocess.run(["/usr/bin/dpkg-deb", *words], check=True, capture_output=True).stdout  # noqa: S603 - words of ours, and a file


def _member(tree: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = tree.extractfile(member)
    return b"" if opened is None else opened.read()


def of_folder(folder: Path, architecture: str, python: str) -> Source:
    """What a folder of wheels brings.

    Raises:
        NotAProvince: it cannot be read.
    """
    try:
        return Source({file.name: file.read_bytes() for file in sorted(folder.glob("*.whl"))}, architecture, python)
    except OSError as error:
        raise NotAProvince(f"{folder}: cannot be read ({error.strerror}).") from None


@dataclass(frozen=True, slots=True)
class Terms:
    """What is said of a release beside what it is made of; see `Release`."""

    expires_ms: int
    well_s: int
    within_s: int
    raise_floor: bool = False


def add(layout: Layout, source: Source, terms: Terms, now_ms: int) -> Known:
    """Signs a release and lays it where scanners fetch it.

    Raises:
        NotAProvince: it is no release, or a key is missing.
        ProvinceError: it cannot be written.
    """
    officer = officers.load_officer(layout, Power.UPDATE)
    own = next((data for name, data in source.wheels.items() if _OWN.fullmatch(name)), None)
    if own is None:
        raise NotAProvince("there is no wheel of gate-scanner itself in it.")
    formats = _formats(own)
    if any(len(data) > MOST_PART_BYTES for data in source.wheels.values()):
        raise NotAProvince(f"one of its wheels is larger than {MOST_PART_BYTES // 2**20} MB.")
    parts = tuple(Part.of(name, source.wheels[name]) for name in sorted(source.wheels))
    counter = issuing.next_counter(layout, now_ms)
    floor = counter if terms.raise_floor else max((each.release.floor for each in every(layout)), default=0)
    made = Release(
        _version(own), counter, floor, source.architecture, source.python, formats["OUTBOX"], formats["DOCUMENTS"], formats["BASE"],
        _unpacked(source), terms.expires_ms, parts, terms.well_s, terms.within_s,
    )  # fmt: skip
    message = release.issue(made, officer)
    release_id = release.identity_of(message)
    try:
        with alone(layout.root / "releases.lock"):
            keep_folder(layout.releases)
            keep_folder(layout.releases / PARTS)
            for part in parts:
                file = layout.releases / PARTS / part.digest.hex()
                if not file.exists():
                    write_atomically(file, source.wheels[part.name], PUBLIC)
            write_atomically(layout.releases / f"{release_id}{SUFFIX}", message, PUBLIC)
    except OSError as error:
        raise ProvinceError(f"{layout.releases}: cannot be written ({error.strerror}). Make room.") from None
    return Known(release_id, made)


def _formats(wheel: bytes) -> dict[str, int]:
    """What a release leaves on a disk, read out of its wheel without running anything of it."""
    try:
        with zipfile.ZipFile(io.BytesIO(wheel)) as files:
            tree = ast.parse(files.read(_FORMATS))
        found = {node.targets[0].id: ast.literal_eval(node.value) for node in tree.body  # type: ignore[attr-defined]
                 if isinstance(node, ast.Assign)}  # fmt: skip
    except (zipfile.BadZipFile, KeyError, SyntaxError, ValueError, AttributeError) as error:
        raise NotAProvince(f"{_FORMATS}: cannot be read in its wheel ({type(error).__name__}); a release before updates were?") from None
    if not {"OUTBOX", "DOCUMENTS", "BASE"} <= found.keys() or not all(type(value) is int for value in found.values()):
        raise NotAProvince(f"{_FORMATS}: in its wheel does not say OUTBOX, DOCUMENTS and BASE.")
    return found


def _version(wheel: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(wheel)) as files:
        metadata = next(name for name in files.namelist() if name.endswith(".dist-info/METADATA"))
        return str(email.parser.BytesParser().parsebytes(files.read(metadata))["Version"])


def _unpacked(source: Source) -> int:
    total = 0
    for data in source.wheels.values():
        with zipfile.ZipFile(io.BytesIO(data)) as files:
            total += sum(info.file_size for info in files.infolist())
    return int(total * _COMPILED) + (_ENVIRONMENT_BYTES if len(source.wheels) > 1 else 0)


def every(layout: Layout) -> list[Known]:
    """The releases that are there, newest first; what is not a release of this province is passed over."""
    return sorted(_every(layout), key=lambda known: -known.release.counter)


def _every(layout: Layout) -> Iterator[Known]:
    root = officers.read_root_public(layout)
    for file in layout.releases.glob(f"*{SUFFIX}"):
        with suppress(OSError, Malformed, Forged):
            with file.open("rb") as opened:
                message = opened.read(MAX_RELEASE_BYTES + 1)
            yield Known(release.identity_of(message), release.verify(message, root))


def newest(layout: Layout, now_ms: int) -> dict[tuple[str, str], str]:
    """What scanners may fetch now: for each architecture and Python the version of the newest release that has not expired.

    Raises:
        NotAProvince: the province's root cannot be read.
    """
    there = [known.release for known in every(layout) if known.release.expires_ms > now_ms]
    return {(each.architecture, each.python): each.software for each in reversed(there)}


def named(layout: Layout, text: str) -> Known:
    """A release by the beginning of its name, or by its version.

    Raises:
        NotAProvince: there is none, or more than one.
    """
    found = [known for known in every(layout) if known.release_id.startswith(text) or known.release.software == text] if text else []
    if len(found) != 1:
        raise NotAProvince(f"{text!r}: {'names more than one release' if found else 'no release here'}. See: gate-province release list")
    return found[0]
