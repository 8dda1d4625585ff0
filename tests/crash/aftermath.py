"""What a device finds when the power is back: opens the real stores on what a cut has left, and holds them to every promise."""

from __future__ import annotations

import json
import ssl
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from crash_device import STATE, keyring_message, settings_for
from disk_model import Image
from sealed_examples import DEVICE_PUBLIC, ROOT_PUBLIC, sealed_at
from spoilt_scenarios import PLAIN_FILE
from tinydb import TinyDB
from tinydb.storages import JSONStorage

from edge_agent.device import identity, stored_keyring
from edge_agent.device.documents import FILE_NAME as DOCUMENTS
from edge_agent.device.documents import Documents, DocumentsDamaged
from edge_agent.device.settings import Settings
from edge_agent.device.stored_keyring import NoKeyring, OlderKeyring
from edge_agent.enrolment import enrol
from edge_agent.enrolment.takeover import AlreadyEnrolled
from edge_agent.store import outbox
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME, OutboxError
from edge_agent.wire.entry import NO_PREVIOUS, LogHead
from edge_agent.wire.envelope import SealedEntry, verify
from firmware import gate_state
from firmware.gate_state import GateState
from firmware.gatehouse import open_recorder


class Outcome(StrEnum):
    """What became of a cut, the worst last."""

    BEFORE = "all that was promised"
    AFTER = "and what was under way"
    REPAIRED = "all, after a repair"
    REUSED = "a number used twice"
    LOST = "something promised lost"
    SHUT = "does not open"


GOOD = (Outcome.BEFORE, Outcome.AFTER, Outcome.REPAIRED)


class Broken(Exception):
    """A promise that did not hold."""

    def __init__(self, outcome: Outcome, why: str) -> None:
        super().__init__(why)
        self.outcome = outcome


Place = tuple[str, int]  # a log, in hexadecimal, and a number in it


@dataclass(slots=True)
class Promised:
    """The promises made before a cut.

    Attributes:
        green: the hash of each entry that somebody saw green for, and no receipt covers.
        known: of every entry that was green or sent.
        origin: the log of the first of them, which alone has none before it.
        documents: by file (at the province: by store) and name: the values a document may have, first the one that is promised.
        keyring: the counters the keyring may have, in the same way; 0 is none.
        enrolled: the bundles the device may have been enrolled with, in the same way.
        key: the public half of its signing key, in the same way.
        member: gate and certificate of the membership it may have, in the same way.
    """

    green: dict[Place, str] = field(default_factory=dict)
    known: dict[Place, str] = field(default_factory=dict)
    documents: dict[tuple[str, str], list[Any]] = field(default_factory=lambda: defaultdict(lambda: [None]))
    origin: str | None = None
    keyring: list[int] = field(default_factory=lambda: [0])
    enrolled: list[int | None] = field(default_factory=lambda: [None])
    key: list[str | None] = field(default_factory=lambda: [None])
    member: list[dict[str, str] | None] = field(default_factory=lambda: [None])

    def hear(self, mark: Mapping[str, Any]) -> None:
        """Takes up one mark."""
        match mark["what"]:
            case "green" | "sent" as what:
                place = (mark["log"], mark["seq"])
                self.origin = self.origin or mark["log"]
                self.known[place] = mark["hash"]
                self.green |= {place: mark["hash"]} if what == "green" else {}
            case "receipt":
                for seq in range(mark["first"], mark["last"] + 1):
                    self.green.pop((mark["log"], seq), None)
            case "begun":
                self._may_be(mark).append(mark["value"])
            case "done":
                self._may_be(mark)[:] = [mark["value"]]

    def _may_be(self, mark: Mapping[str, Any]) -> list[Any]:
        match mark["store"]:
            case "keyring":
                return self.keyring
            case "enrolment":
                return self.enrolled
            case "key":
                return self.key
            case "membership":
                return self.member
            case file_name:
                return self.documents[file_name, mark["name"]]


def promised(marks: tuple[bytes, ...]) -> Promised:
    """What all marks together promise."""
    promises = Promised()
    for mark in marks:
        promises.hear(json.loads(mark))
    return promises


def lay_out(image: Image, folder: Path) -> None:
    """Writes what a cut has left into an empty folder."""
    for path, data in sorted(image.items()):
        if data is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(data)


@lru_cache(4096)
def _verified(envelope: bytes) -> SealedEntry:
    return verify(envelope, DEVICE_PUBLIC)


# ── the outbox ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _waiting(path: Path) -> dict[Place, SealedEntry]:
    with closing(Forwarder(path)) as forwarder:
        page = forwarder.page(0, 10_000)
        count = forwarder.backlog().entries
    entries = [_verified(item.envelope) for item in page]
    found = {(entry.header.log.hex(), entry.header.seq): entry for entry in entries}
    if len(found) != len(entries):
        raise Broken(Outcome.REUSED, "two entries of one number wait")
    if count != len(entries):
        raise Broken(Outcome.SHUT, f"the counters say {count} entries, {len(entries)} are there")
    return found


def _check_kept(found: Mapping[Place, SealedEntry], promises: Promised) -> None:
    for place, digest in promises.green.items():
        entry = found.get(place)
        if entry is None:
            raise Broken(Outcome.LOST, f"entry {place[1]}, seen green, is gone")
        if entry.hash.hex() != digest:
            raise Broken(Outcome.REUSED, f"number {place[1]}, seen green, names another entry")
    for place, entry in found.items():
        if promises.known.get(place, entry.hash.hex()) != entry.hash.hex():
            raise Broken(Outcome.REUSED, f"number {place[1]}, once sent, names another entry")


def _check_chain(found: Mapping[Place, SealedEntry], promises: Promised) -> None:
    hashes = {**promises.known, **{place: entry.hash.hex() for place, entry in found.items()}}
    heads = {log: max(seq for of_log, seq in hashes if of_log == log) for log, _seq in hashes}
    for (log, seq), entry in found.items():
        before = hashes.get((log, seq - 1))
        if seq > 1 and before is not None and entry.header.prev.hex() != before:
            raise Broken(Outcome.LOST, f"entry {seq} does not follow entry {seq - 1}")
        if seq > 1 and before is None and any(number < seq for of_log, number in hashes if of_log == log):
            raise Broken(Outcome.LOST, f"what is before entry {seq} is gone")
        if seq == 1:
            named = entry.header.predecessor
            if entry.header.prev != NO_PREVIOUS or (named is not None and not _is_head(named, hashes, heads)):
                raise Broken(Outcome.LOST, "a log's first entry does not name the head before it")
    firsts = [log for (log, seq), entry in found.items() if seq == 1 and entry.header.predecessor is None]
    if len(firsts) > 1 or (promises.origin is not None and firsts not in ([], [promises.origin])):
        raise Broken(Outcome.LOST, "a later log names no predecessor")


def _is_head(named: LogHead, hashes: Mapping[Place, str], heads: Mapping[str, int]) -> bool:
    log = named.log.hex()
    return heads.get(log) == named.seq and hashes[log, named.seq] == named.hash.hex()


def _start_and_record(settings: Settings, promises: Promised) -> Outcome:
    """One start of firmware, the agent beside it, and one more entry."""
    path = settings.device.state / FILE_NAME
    recorder, salvaged = open_recorder(settings, device_key=DEVICE_PUBLIC)
    if salvaged is not None and (salvaged.missing or salvaged.unreadable):
        raise Broken(Outcome.LOST, f"the repair says {dict(salvaged.facts())}, but nothing is missing")
    found = _waiting(path)
    _check_kept(found, promises)
    outcome = Outcome.REPAIRED if salvaged is not None else Outcome.BEFORE if found.keys() <= promises.known.keys() else Outcome.AFTER
    recorded = recorder.append(sealed_at)
    recorder.close()
    place = (recorded.log.hex(), recorded.seq)
    if place in promises.known or place in found:
        raise Broken(Outcome.REUSED, f"number {recorded.seq} is given out again")
    promises.known[place] = promises.green[place] = recorded.hash.hex()
    _check_chain(_waiting(path), promises)
    return outcome


def check_outbox(folder: Path, promises: Promised, *, agent_first: bool = False) -> Outcome:
    """Firmware opens, the agent reads, an entry is recorded, all is closed; and once more. Either may start first."""
    settings = settings_for(folder)
    if not settings.device.state.is_dir():
        if promises.known:
            raise Broken(Outcome.LOST, "the state folder is gone")
        return Outcome.BEFORE
    if agent_first:
        with suppress(FileNotFoundError, OutboxError), closing(Forwarder(settings.device.state / FILE_NAME)) as forwarder:
            forwarder.page(0, 10)
            forwarder.settle()
            forwarder.checkpoint()
    outcome = _start_and_record(settings, promises)
    if _start_and_record(settings, promises) is Outcome.REPAIRED:
        raise Broken(Outcome.SHUT, "damaged again after the first start")
    return outcome


# ── documents ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read(folder: Path, file_name: str, name: str) -> Any:
    if file_name == PLAIN_FILE:
        with closing(TinyDB(folder / file_name, storage=JSONStorage)) as store:
            return next((document["value"] for document in store.all()), None)
    with closing(Documents(folder, file_name)) as documents:
        return documents.get(name)


def check_documents(folder: Path, promises: Promised) -> Outcome:
    """Each document is there, as it was or as it was to become; and can be written again."""
    state, outcome = folder / STATE, Outcome.BEFORE
    for (file_name, name), allowed in promises.documents.items():
        try:
            value = _read(state, file_name, name) if state.is_dir() else None
        except (DocumentsDamaged, ValueError) as error:
            raise Broken(Outcome.SHUT, f"{file_name}: {error}") from error
        if value not in allowed:
            raise Broken(Outcome.LOST, f"{file_name}: {name} is neither the version before nor the one after")
        outcome = Outcome.AFTER if value != allowed[0] else outcome
        if file_name == gate_state.FILE_NAME and GateState(state).closed != ((value or {}).get("closed") is True):
            raise Broken(Outcome.LOST, "the gate does not stand as its document says")
        if file_name != PLAIN_FILE and state.is_dir():
            with closing(Documents(state, file_name)) as documents:
                documents.put(name, {"version": -1})
            if _read(state, file_name, name) != {"version": -1}:
                raise Broken(Outcome.SHUT, f"{file_name}: cannot be written")
    return outcome


def check_keyring(folder: Path, promises: Promised) -> Outcome:
    """The keyring is not older than the one accepted, and an older one is refused still."""
    state, least = folder / STATE, promises.keyring[0]
    try:
        counter = stored_keyring.read(state, ROOT_PUBLIC).counter if state.is_dir() else 0
    except NoKeyring as error:
        if (state / DOCUMENTS).exists() and "neither" in str(error):
            raise Broken(Outcome.SHUT, str(error)) from error
        counter = 0
    if counter not in promises.keyring or counter < least:
        raise Broken(Outcome.LOST, f"keyring {counter}, accepted was {least}")
    if counter:
        with suppress(OlderKeyring):
            stored_keyring.accept(state, ROOT_PUBLIC, keyring_message(counter - 1))
            raise Broken(Outcome.LOST, "an older keyring is accepted again")
    return Outcome.AFTER if counter != least else Outcome.BEFORE


# ── enrolment ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _enrolled_as(state: Path, bundles: list[Path]) -> int | None:
    """Which bundle the device has in full, if any."""
    try:
        who = identity.load(state)
    except (identity.NotEnrolled, identity.BadIdentity):
        return None
    for number, bundle in enumerate(bundles):
        fields = json.loads(bundle.read_text("utf-8"))
        files = {who.endpoint.key_file: "tls_key_pem", who.endpoint.certificate_file: "tls_certificate_pem"}
        if who.gate == fields["gate"] and all(file.read_text("utf-8") == fields[name] for file, name in files.items()):
            return number
    return None


def check_enrolment(folder: Path, promises: Promised, bundles: list[Path]) -> Outcome:
    """The device is who it was, or who it was to become; cut on the way, the same bundle makes it whole."""
    state = folder / STATE
    before, sure, last = _enrolled_as(state, bundles), promises.enrolled[0], promises.enrolled[-1]
    if sure is not None:
        try:
            identity.load(state)  # whatever was under way, it must go on as a gate
        except (identity.NotEnrolled, identity.BadIdentity) as error:
            raise Broken(Outcome.LOST, f"the enrolment is gone: {error}") from error
    if before not in promises.enrolled and (before is not None or last == sure):
        raise Broken(Outcome.LOST, "the enrolment is another one")
    if last is None:
        return Outcome.BEFORE
    try:
        enrol.install(enrol.read_bundle(bundles[last]), state)
    except (AlreadyEnrolled, OSError, DocumentsDamaged, OutboxError) as error:
        raise Broken(Outcome.SHUT, f"cannot be enrolled again: {error}") from error
    if _enrolled_as(state, bundles) != last:
        raise Broken(Outcome.SHUT, "enrolled again, it is not whole")
    endpoint = identity.load(state).endpoint
    ssl.create_default_context().load_cert_chain(endpoint.certificate_file, endpoint.key_file)
    return Outcome.BEFORE if before == sure else Outcome.AFTER if before == last else Outcome.REPAIRED


Check = Callable[[Path, Promised], Outcome]


def quick() -> None:
    """Looking twice at a broken write-ahead log is for the case that another process writes; here none does."""
    outbox._LOOK_AGAIN_S = 0.0
