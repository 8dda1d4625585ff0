"""Turns what happened at the gate into a sealed entry on disk: seal, sign, commit with fsync, and only then return.

Source: design.md first promise, "recorded before green".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from edge_agent.device.identity import Identity
from edge_agent.device.stored_keyring import WatchedKeyring
from edge_agent.device.token_signer import TokenTrouble
from edge_agent.store.outbox import OutboxDamaged, OutboxError, Recorded, Spot
from edge_agent.store.recorder import Recorder
from edge_agent.wire import envelope
from edge_agent.wire.entry import Body, Direction, Header, Kind, Known, Method, Note, Passage, Position, RecordedPerson
from edge_agent.wire.envelope import SealingKey
from edge_agent.wire.keyring import EpochKey
from firmware.person_codes import Person
from firmware.time_sense import Now, TimeSense


class NotSigned(OutboxError):
    """The device's key is in a token that does not sign now: nothing was recorded, and the outbox is as good as it was."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry that is on disk, and when it was made."""

    recorded: Recorded
    now: Now


def recorded_person(person: Person) -> RecordedPerson:
    """The part of a person's code that goes into the record."""
    return RecordedPerson(
        scheme=str(person.scheme),
        id_number=person.id_number,
        name=person.name,
        old_id=person.old_id,
        birth_date=person.birth_date,
        sex=person.sex,
        phone=person.phone,
        card_number=person.card_number,
    )


class Circumstances(Protocol):
    """What else a passage's record says: of a vehicle, the trip and where it is."""

    @property
    def trip(self) -> str | None:
        """The trip's name."""

    @property
    def position(self) -> Position | None:
        """Where it is, if that is known."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A gate that stands still."""

    trip: str | None = None
    position: Position | None = None


STANDING = Standing()


class Recording:
    """Appends entries to the outbox.

    Args:
        identity: whose entries they are.
        recorder: the outbox.
        keyring: the province's sealing keys.
        time_sense: the clock.
        boot: the kernel's boot id, 16 bytes.
        circumstances: asked for a vehicle's trip and position with each passage.

    Every method raises `outbox.OutboxFull`, `outbox.OutboxDamaged`, `NotSigned` or `outbox.OutboxError` when nothing could be recorded.
    """

    def __init__(
        self,
        identity: Identity,
        recorder: Recorder,
        keyring: WatchedKeyring,
        time_sense: TimeSense,
        boot: bytes,
        circumstances: Circumstances = STANDING,
    ) -> None:
        self.recorder = recorder
        self._identity = identity
        self._keyring = keyring
        self._time_sense = time_sense
        self._boot = boot
        self._circumstances = circumstances
        self._epoch_key: EpochKey | None = None
        self._sealing_key: SealingKey | None = None

    def use(self, recorder: Recorder) -> None:
        """Goes on with another outbox; the one before is closed."""
        self.recorder.close()
        self.recorder = recorder

    def passage(
        self,
        person: Person,
        direction: Direction,
        known: Known,
        method: Method,
        *,
        health: str | None = None,
        remarks: tuple[str, ...] = (),
    ) -> Kept:
        """Records a person's passage.

        Args:
            person: who, by their code.
            direction: which way.
            known: how that is known.
            method: how the code was read.
            health: what their pass came to, None when none is asked for.
            remarks: what the gate says, beside the code's own warnings.
        """
        warnings = (*map(str, person.warnings), *map(str, remarks))
        trip, position = self._circumstances.trip, self._circumstances.position
        return self._append(Kind.PASSAGE, Passage(recorded_person(person), direction, known, method, trip, position, health, warnings))

    def note(self, kind: Kind, facts: Mapping[str, str | int]) -> Kept:
        """Records something about the device itself."""
        return self._append(kind, Note(facts))

    def probe(self) -> None:
        """Proves that an entry could be recorded now."""
        self._refuse_when_removed()
        with _told_as_not_signed():
            self._identity.signer.sign(b"")  # no message of ours: each is signed behind its context
        self.recorder.probe()

    def _refuse_when_removed(self) -> None:
        """A file deleted or replaced under our hands takes entries still, and nobody would ever find them."""
        if self.recorder.is_gone():
            raise OutboxDamaged(f"{self.recorder.path}: the file, or one beside it, was removed while the gate was open")

    def _key_of(self, day: date | None) -> SealingKey:
        epoch_key = self._keyring.current().key_for(day)
        if self._sealing_key is None or epoch_key != self._epoch_key:
            self._epoch_key, self._sealing_key = epoch_key, epoch_key.sealing_key()
        return self._sealing_key

    def _append(self, kind: Kind, body: Body) -> Kept:
        now = self._time_sense.now()
        key = self._key_of(now.day)

        def build(spot: Spot) -> bytes:
            header = Header(
                name=self._identity.name, site=self._identity.site, gate=self._identity.gate, log=spot.log, seq=spot.seq, prev=spot.prev,
                kind=kind, boot=self._boot, wall_ms=now.wall_ms, boottime_ms=now.boottime_ms, clock=now.clock, key_id=key.key_id,
                predecessor=spot.predecessor,
            )  # fmt: skip
            return envelope.make(header, body, key, self._identity.signer)

        self._refuse_when_removed()
        with _told_as_not_signed():
            return Kept(self.recorder.append(build), now)


@contextmanager
def _told_as_not_signed() -> Iterator[None]:
    try:
        yield
    except TokenTrouble as error:
        raise NotSigned(str(error)) from None
