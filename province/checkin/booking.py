"""Seals what visitors declare and appends it to the page's own outbox, on disk before they are told so; `gate-agent` carries it from there.

The page is a device of the organisation `checkin`: its own key signs, its own log counts, the province receipts. Each entry names the
visitor's site by its id, for one page serves every site (decision 0102).
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from drivers import system_clock
from edge_agent.device import identity as identities
from edge_agent.device import settings_file
from edge_agent.device.identity import BadIdentity, Identity, NotEnrolled
from edge_agent.device.settings import ConfigError, Settings
from edge_agent.device.stored_keyring import NoKeyring, WatchedKeyring
from edge_agent.store.outbox import FILE_NAME, OutboxError, Spot
from edge_agent.store.recorder import Recorder
from edge_agent.wire import envelope
from edge_agent.wire.cbor import encode
from edge_agent.wire.entry import Body, Clock, Header, Kind, Note, Passage, encode_body
from edge_agent.wire.envelope import SealingKey
from edge_agent.wire.keyring import EpochKey, day_of
from province.base.errors import NotAProvince, ProvinceError
from province.checkin.slips import Booked
from province.registry.site import Site
from province.registry.texts import CHECKIN

GATE = "Mã QR"  # what stands in an entry where a scanner names its door
OWN_PLACE = "check-in"  # of the notes about the page itself
_MB = 1024 * 1024
_REMEMBERED, _REMEMBERED_S = 200_000, 900.0  # two hundred a second for a quarter of an hour


class NotBooked(ProvinceError):
    """Nothing was recorded: the outbox is full, or the disk fails; the message says which."""


class Booking:
    """The page's end of its outbox; its file is used in one thread of its own.

    Args:
        settings: of the page's device: its state folder, and how much may wait.

    Raises:
        NotAProvince: the state folder has no identity of a check-in page.
        ProvinceError: its outbox cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        state = settings.device.state
        try:
            self._identity: Identity = identities.load(state)
            self._keyring = WatchedKeyring(state, self._identity.root, self._identity.name)
        except (NotEnrolled, BadIdentity, NoKeyring) as error:
            raise NotAProvince(f"{error}.") from None
        if self._identity.name.org != CHECKIN:
            raise NotAProvince(
                f"{state}: is {self._identity.name}'s; a check-in page is of organisation {CHECKIN}: gate-province checkin make."
            )
        self._sealing: tuple[EpochKey, SealingKey] | None = None
        self._boot = system_clock.boot_id()
        self._answered: OrderedDict[bytes, tuple[float, Booked]] = OrderedDict()
        self._key = secrets.token_bytes(32)
        self._thread = ThreadPoolExecutor(1, "check-in")
        self._recorder = self._thread.submit(self._open, settings).result()

    def _open(self, settings: Settings) -> Recorder:
        limits = settings.outbox
        try:
            recorder = Recorder(settings.device.state / FILE_NAME, limits.capacity_mb * _MB, limits.keep_free_mb * _MB)
            self._append(recorder, Kind.BOOT, OWN_PLACE, Note({"software": version("gate-scanner"), "new_outbox": int(recorder.created)}))
        except OutboxError as error:
            raise ProvinceError(f"{error}.") from None
        return recorder

    async def book(self, ref: str, site: Site, passage: Passage) -> Booked:
        """Records a passage; the same form sent twice is recorded once, with other words in it twice.

        Args:
            ref: of the form.
            site: the place.
            passage: who, and which way.

        Raises:
            NotBooked: it is not on the disk.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._book, ref, site, passage)

    def _book(self, ref: str, site: Site, passage: Passage) -> Booked:
        if (before := self.answered(ref, site, passage)) is not None:
            return before
        try:
            at_ms = self._append(self._recorder, Kind.PASSAGE, site.id, passage)
        except OutboxError as error:
            raise NotBooked(str(error)) from None
        now_s, booked = time.monotonic(), Booked(passage.direction, at_ms)
        self._answered[self._digest(ref, site, passage)] = now_s, booked
        while len(self._answered) > _REMEMBERED or now_s - next(iter(self._answered.values()))[0] > _REMEMBERED_S:
            self._answered.popitem(last=False)
        return booked

    def answered(self, ref: str, site: Site, passage: Passage) -> Booked | None:
        """What a form with these words came to, for a quarter of an hour."""
        then_s, booked = self._answered.get(self._digest(ref, site, passage), (0.0, None))
        return booked if booked is not None and time.monotonic() - then_s < _REMEMBERED_S else None

    def _digest(self, ref: str, site: Site, passage: Passage) -> bytes:
        """Of a form and its words; the key is in memory, so that nothing can be read or guessed from it."""
        return hmac.digest(self._key, encode([ref, site.id, encode_body(passage)]), "sha256")

    def _append(self, recorder: Recorder, kind: Kind, place: str, body: Body) -> int:
        wall_ms = system_clock.wall_ms()
        # the machine of a province: by its clock the register goes too, and says so where it is wrong
        clock = Clock.SYNCHRONISED if system_clock.clock_state() == "synchronised" else Clock.RTC
        key = self._key_of(wall_ms)

        def build(spot: Spot) -> bytes:
            header = Header(
                name=self._identity.name, site=place, gate=GATE, log=spot.log, seq=spot.seq, prev=spot.prev, kind=kind, boot=self._boot,
                wall_ms=wall_ms, boottime_ms=system_clock.boottime_ms(), clock=clock, key_id=key.key_id, predecessor=spot.predecessor,
            )  # fmt: skip
            return envelope.make(header, body, key, self._identity.signer)

        recorder.append(build)
        recorder.checkpoint_if_large()
        return wall_ms

    def _key_of(self, wall_ms: int) -> SealingKey:
        epoch_key = self._keyring.current().key_for(day_of(wall_ms))
        if self._sealing is None or self._sealing[0] != epoch_key:
            self._sealing = epoch_key, epoch_key.sealing_key()
        return self._sealing[1]

    def close(self) -> None:
        """Notes the end and closes the outbox."""
        self._thread.submit(self._close).result()
        self._thread.shutdown()

    def _close(self) -> None:
        facts: Mapping[str, str | int] = {"reason": "stopped"}
        try:
            self._append(self._recorder, Kind.CLOSE, OWN_PLACE, Note(facts))
        except OutboxError:
            pass  # whoever reads the log sees the boot that follows
        finally:
            self._recorder.close()


def from_config(config: Path) -> Booking:
    """As a configuration says.

    Raises:
        NotAProvince: it cannot be; the message names file, key, value and what is allowed.
        ProvinceError: the outbox cannot be used.
    """
    try:
        return Booking(settings_file.load(config))
    except ConfigError as error:
        raise NotAProvince(str(error)) from None
