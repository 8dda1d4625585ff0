"""Makes one file that tells somebody far away how this scanner is: collected piece by piece, without secrets and without people.

`make` is what `gate-agent diagnose` does; it changes nothing on the device, needs no room on its disk and no running service. Each part is
collected by itself, in a thread that is not waited for longer than its time: a disk that hangs or a command that fails costs its own part
alone, and the manifest says so. Everything passes `_clean`; only what is marked `Public` by who wrote it passes unchanged.
"""

from __future__ import annotations

import io
import json
import tarfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

from edge_agent.base.log_line import plain
from edge_agent.base.redaction import without_secrets
from edge_agent.base.trouble import where
from edge_agent.device import settings_file
from edge_agent.device.settings import ConfigError, DeviceSettings, Settings

FORMAT = "gate-scanner-diagnosis/1"
MAX_BUNDLE_BYTES = 5_000_000
LEFT_OUT = (
    "private keys, credentials and tokens: of keys only fingerprints, of certificates only names and dates",
    "sealed entries and everything else recorded: of the outbox only counts, sizes and the head of its log",
    "people: nothing of a code is kept in clear on this device; what looks like a number of a person is blanked",
    "enrolment tickets, passwords, and whatever looks like a key",
    "logs of other programs, but for what the kernel says of disks, USB, power and memory",
    "process arguments, environments, users' files",
)
_TOTAL_S = 90.0

Content: TypeAlias = str | Mapping[str, Any] | Sequence[Any]


class Public(str):
    """A text that is known to be nobody's and no secret, such as a fingerprint."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """What is looked at.

    Attributes:
        device: where the scanner keeps its things, as far as the configuration can be read; else the usual places.
        settings: the configuration; None where it cannot be read.
        source: its file.
        trouble: why it cannot be read.
        root: of the file system, for tests.
    """

    device: DeviceSettings
    settings: Settings | None
    source: Path
    trouble: str = ""
    root: Path = Path("/")


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the bundle.

    Attributes:
        file: its name there.
        what: it tells, in one line.
        collect: finds it out; text, or what JSON can say.
        most_bytes: of which the end is kept, for the newest is at the end of what grows.
        patience_s: how long it may take.
    """

    file: str
    what: str
    collect: Callable[[Scene], Content]
    most_bytes: int = 100_000
    patience_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Collected:
    """A part as it was found.

    Attributes:
        content: without secrets; None when there was trouble.
        trouble: why it could not be collected, empty when it could.
        cut: whether its beginning was left out.
    """

    part: Part
    content: Content | None
    text: str
    trouble: str
    cut: bool
    took_ms: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """A diagnosis: the file's bytes (tar, gzip), and what was found, for whoever shows it."""

    data: bytes
    summary: str
    collected: tuple[Collected, ...]


def scene_of(config: Path) -> Scene:
    """What a configuration file says to look at; the usual places of what it does not say."""
    try:
        settings = settings_file.load(config)
    except ConfigError as error:
        return Scene(settings_file.device_of(config), None, config, str(error))
    return Scene(settings.device, settings, config)


def make(scene: Scene, parts: Sequence[Part], summarise: Callable[[Mapping[str, Collected], int], str], made_ms: int) -> Bundle:
    """Collects all parts and packs them.

    Args:
        scene: what is looked at.
        parts: what is collected; the sum of their `most_bytes` is the size of the bundle at most, and must be below `MAX_BUNDLE_BYTES`.
        summarise: makes the summary of what was collected, by file name.
        made_ms: wall time.
    """
    until_s = time.monotonic() + _TOTAL_S
    collected = tuple(_collect(part, scene, until_s) for part in parts)
    by_file = {one.part.file: one for one in collected}
    summary = _without_failing(lambda: summarise(by_file, made_ms))
    manifest = {
        "format": FORMAT,
        "software": version("gate-scanner"),
        "made_ms": made_ms,
        "files": [_told(one) for one in collected],
        "left_out": list(LEFT_OUT),
    }
    files = [
        ("summary.txt", summary),
        ("manifest.json", _json(manifest)),
        *((one.part.file, one.text) for one in collected if not one.trouble),
    ]
    return Bundle(_packed(files, made_ms), summary, collected)


def _told(one: Collected) -> dict[str, object]:
    told: dict[str, object] = {"file": one.part.file, "what": one.part.what, "bytes": len(one.text.encode()), "took_ms": one.took_ms}
    if one.cut:
        told["cut"] = "the beginning is left out"
    if one.trouble:
        told["not_collected"] = one.trouble
    return told


def _collect(part: Part, scene: Scene, until_s: float) -> Collected:
    began_s = time.monotonic()
    found: list[Content] = []
    trouble = [f"no answer within {part.patience_s:g} s"]

    def work() -> None:
        try:
            found.append(_clean(part.collect(scene)))
            trouble.clear()
        except Exception as error:  # noqa: BLE001 - one part that fails must not cost the others
            trouble[:] = [without_secrets(str(plain(error)))]

    patience_s = min(part.patience_s, until_s - began_s)
    if patience_s > 0:
        thread = threading.Thread(target=work, name=f"diagnose {part.file}", daemon=True)
        thread.start()
        thread.join(patience_s)
    took_ms = round((time.monotonic() - began_s) * 1000)
    if not found:
        return Collected(part, None, "", trouble[0] if trouble else "ended too late", cut=False, took_ms=took_ms)
    text, cut = _end_of(found[0] or "nothing\n" if isinstance(found[0], str) else _json(found[0]), part.most_bytes)
    return Collected(part, found[0], text, "", cut=cut, took_ms=took_ms)


def _clean(content: Any) -> Any:
    """The content without secrets: each text in it, also names of fields."""
    match content:
        case Public():
            return str(content)
        case str():
            return without_secrets(content)
        case Mapping():
            return {_clean(str(key)): _clean(value) for key, value in content.items()}
        case list() | tuple():
            return [_clean(value) for value in content]
        case None | bool() | int() | float():
            return content
        case _:
            return without_secrets(str(plain(content)))


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _end_of(text: str, most_bytes: int) -> tuple[str, bool]:
    """The last lines that fit, and whether something was left out."""
    data = text.encode(errors="replace")
    if len(data) <= most_bytes:
        return text, False
    end = data[-most_bytes:].decode(errors="ignore")
    return end.partition("\n")[2] or end, True


def _without_failing(summarise: Callable[[], str]) -> str:
    try:
        return summarise()
    except Exception as error:  # noqa: BLE001 - what was collected is worth sending without its summary
        return f"the summary could not be made: {where(error)}. Everything else is in this file.\n"


def _packed(files: Sequence[tuple[str, str]], made_ms: int) -> bytes:
    room = io.BytesIO()
    with tarfile.open(fileobj=room, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, text in files:
            data = text.encode(errors="replace")
            entry = tarfile.TarInfo(f"gate-diagnosis/{name}")
            entry.size, entry.mtime, entry.mode = len(data), made_ms // 1000, 0o600
            archive.addfile(entry, io.BytesIO(data))
    return room.getvalue()
