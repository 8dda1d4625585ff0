"""Decides whether a command is obeyed: every rule in one place, each refusal with its reason."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.commands.command_store import Busy, CommandStore, Kept, Replayed, kept_of
from edge_agent.wire import command
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.command import POWER_OF, Action, Signed
from edge_agent.wire.cose import Forged
from edge_agent.wire.results import Refusal
from edge_agent.wire.topics import DeviceName

Times = tuple[int | None, int]  # trusted wall time or None, and a signed lower bound of it; milliseconds since 1970 UTC


class Refused(Exception):
    """It is not obeyed; `signed` is None when nobody we know has sent it."""

    def __init__(self, why: Refusal, signed: Signed | None, detail: str) -> None:
        super().__init__(detail)
        self.why = why
        self.signed = signed


@dataclass(frozen=True, slots=True)
class Judge:
    """Who judges.

    Attributes:
        name: this device.
        root: the pinned root key.
        store: what was taken before.
        nonce: of this boot.
        own_log: the log that this device writes now; None when it cannot be read.
        revoked: the ids of keys that count no more, hex, as the newest keyring names them.
    """

    name: DeviceName
    root: Ed25519PublicKey
    store: CommandStore
    nonce: bytes
    own_log: Callable[[], bytes | None]
    revoked: Callable[[], Collection[str]] = frozenset

    def take(self, message: bytes, *, retained: bool, times: Times) -> Kept:
        """Takes a command, on disk when this returns; one that was taken before is returned as it stands now, and not taken again.

        Raises:
            Refused: it is not obeyed.
            OSError: it cannot be stored; nothing was done.
        """
        if retained:
            raise Refused(Refusal.RETAINED, None, "a command is never retained")
        try:
            signed = command.verify(message, self.root, *times)
        except (Malformed, Forged) as error:
            raise Refused(Refusal.FORGED, None, str(error)) from None
        ordered = signed.command
        if ordered.target != self.name:
            raise Refused(Refusal.WRONG_TARGET, None, "it is for another device")
        if (known := self.store.find(signed.issuer, ordered.counter, signed.digest)) is not None:
            return known
        if signed.issuer in self.revoked():
            raise Refused(Refusal.REVOKED, signed, "its key was revoked by the province")
        self._refuse_wrong_power(signed)
        self._refuse_late(signed, times)
        if ordered.log != self.own_log():
            raise Refused(Refusal.WRONG_LOG, signed, "this device writes another log, or cannot read its own now")
        try:
            kept = kept_of(signed)
            self.store.accept(kept)
        except Replayed:
            raise Refused(Refusal.REPLAYED, signed, "its counter is not above those before it") from None
        except Busy:
            raise Refused(Refusal.BUSY, signed, "too many commands wait; order it anew later") from None
        return kept

    def _refuse_wrong_power(self, signed: Signed) -> None:
        action = signed.command.action
        if not isinstance(action, Action) or not command.suits(action, signed.command.arguments):
            raise Refused(Refusal.UNKNOWN, signed, "this version does not know such an action, or not with these arguments")
        if signed.power is not POWER_OF[action]:
            raise Refused(Refusal.WRONG_POWER, signed, f"{action} needs the key for {POWER_OF[action]}, not the one for {signed.power}")
        if signed.org not in {None, self.name.org}:
            raise Refused(Refusal.WRONG_POWER, signed, "its key is for another organisation's devices")

    def _refuse_late(self, signed: Signed, times: Times) -> None:
        now_ms, not_before_ms = times
        ordered = signed.command
        if ordered.expires_ms < max(not_before_ms, now_ms or 0):
            raise Refused(Refusal.EXPIRED, signed, "it has expired")
        answers = ordered.nonce == self.nonce
        if not answers and now_ms is None:
            raise Refused(Refusal.NO_CLOCK, signed, "this device knows no time now: a command must carry its nonce")
        if not answers and self.store.is_lost(signed.issuer):
            raise Refused(Refusal.NO_CLOCK, signed, "this device has lost what was ordered before: a command must carry its nonce")

    def is_still_fresh(self, kept: Kept, times: Times) -> bool:
        """Whether one that waited, maybe through a power cut, may still begin."""
        now_ms, not_before_ms = times
        if kept.expires_ms < max(not_before_ms, now_ms or 0):
            return False
        return now_ms is not None or kept.nonce == self.nonce.hex()
