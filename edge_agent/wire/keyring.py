"""The province's public sealing keys, day by day, as signed and published to every device.

Source: design.md "Keys". An epoch is one day of Vietnam's civil time (UTC+7 all year). A day without a published key, or a
device without a trusted clock, uses the `undated` key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.wire import authority, cose, sealing
from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.envelope import SealingKey
from edge_agent.wire.fields import Fields

KEYRING = cose.MessageType("application/vnd.gate-scanner.keyring+cbor", b"gate-scanner/v1/keyring", certified=True)
MAX_KEYRING_BYTES = 128 * 1024
UNDATED = "undated"
VIETNAM = timezone(timedelta(hours=7))
_MAX_KEYS = 100
MOST_REVOKED = 200
_VERSION = 1


@dataclass(frozen=True, slots=True)
class EpochKey:
    """One epoch's public key.

    Attributes:
        epoch: the day as YYYY-MM-DD, or `undated`.
        public: raw public key, see `sealing.KeyPair`.
    """

    epoch: str
    suite: sealing.Suite
    public: bytes

    @property
    def key_id(self) -> str:
        """The epoch and the head of the key's hash, so that a key of another province is told apart."""
        return f"{self.epoch}/{sha256(self.public).hexdigest()[:16]}"

    def sealing_key(self) -> SealingKey:
        """The key, ready for use.

        Raises:
            ValueError: the raw key is not one of its suite.
        """
        return SealingKey(self.key_id, self.suite, sealing.load_public(self.suite, self.public))


@dataclass(frozen=True, slots=True)
class Keyring:
    """All epoch keys a device may need.

    Attributes:
        counter: grows with every issue; a device never goes back to a lower one.
        issued_ms: when it was signed, milliseconds since 1970 UTC: a lower bound for the device's clock.
        keys: the days in order, and `undated`.
        revoked: ids of operators' keys whose commands and configurations count no more, in order.
    """

    counter: int
    issued_ms: int
    keys: tuple[EpochKey, ...]
    revoked: tuple[bytes, ...] = ()

    def key_for(self, day: date | None) -> EpochKey:
        """The key of a day, or the undated one without a trusted day or past the end of the keyring."""
        by_epoch = {key.epoch: key for key in self.keys}
        return by_epoch.get(day.isoformat() if day else UNDATED, by_epoch[UNDATED])


def day_of(wall_ms: int) -> date:
    """The civil day in Vietnam of a wall time.

    Example:
        >>> day_of(1_633_366_800_000).isoformat()  # 2021-10-04 17:00 UTC is midnight in Hà Nội
        '2021-10-05'
    """
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=wall_ms)).astimezone(VIETNAM).date()


def issue(keyring: Keyring, officer: authority.Officer) -> bytes:
    """Signs a keyring with the keyring officer's key."""
    keys = [{1: key.epoch, 2: str(key.suite), 3: key.public} for key in keyring.keys]
    fields: dict[int, object] = {1: _VERSION, 2: keyring.counter, 3: keyring.issued_ms, 4: keys}
    if keyring.revoked:
        fields[5] = list(keyring.revoked)
    return officer.sign(encode(fields), KEYRING)


def _decode_key(value: object) -> EpochKey:
    fields = Fields(value, "keyring key")
    key = EpochKey(fields.text(1, "epoch", 10), fields.choice(2, "suite", sealing.Suite), fields.octets(3, "public", 32, 2048))
    try:
        canonical = key.epoch == UNDATED or date.fromisoformat(key.epoch).isoformat() == key.epoch  # it also takes week dates
        key.sealing_key()
    except ValueError as error:
        raise Malformed(f"keyring key: {error}") from None
    if not canonical:
        raise Malformed("keyring key: field 'epoch' must be YYYY-MM-DD or undated")
    return key


def _revoked(fields: Fields) -> tuple[bytes, ...]:
    if 5 not in fields:
        return ()
    items = fields.items(5, "revoked", MOST_REVOKED)
    found = tuple(item for item in items if isinstance(item, bytes) and len(item) == cose.KID_BYTES)
    if not found or len(found) != len(items) or list(found) != sorted(set(found)):
        raise Malformed(f"keyring: field 'revoked' must be ids of {cose.KID_BYTES} bytes, each once, in order")
    return found


def verify(message: bytes, root: Ed25519PublicKey, now_ms: int | None = None, not_before_ms: int = 0) -> Keyring:
    """Checks a keyring from the root down; the times as in `authority.verify`.

    Raises:
        Malformed: not a keyring, or one without an undated key.
        cose.Forged: not signed by a key the root gave the power of keyrings.
    """
    payload, signer = authority.verify_signer(message, KEYRING, authority.Power.KEYRING, root, MAX_KEYRING_BYTES, now_ms, not_before_ms)
    fields = Fields(decode(payload, "keyring", MAX_KEYRING_BYTES), "keyring")
    fields.number(1, "version", _VERSION, _VERSION)
    keys = tuple(_decode_key(item) for item in fields.items(4, "keys", _MAX_KEYS))
    epochs = [key.epoch for key in keys]
    if UNDATED not in epochs or len(set(epochs)) != len(epochs):
        raise Malformed("keyring: every epoch once, and one of them undated")
    found = Keyring(fields.number(2, "counter", least=1), fields.number(3, "issued_ms"), keys, _revoked(fields))
    authority.check_signed_time(found.issued_ms, signer, KEYRING)
    return found
