"""A release for scanners: what it is made of, by hash, and for which of them, as a message signed with the key for updates.

Parts are Python wheels, fetched by their SHA-256 and in pieces that have hashes of their own: nothing unproved is kept, a download goes on
where it ended, and what a device has already it does not fetch. Source: decision 0091; the bytes are in hw_docs/protocol.md "Release".
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.wire import authority, cose
from edge_agent.wire.authority import Officer, Power
from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.fields import Fields
from edge_agent.wire.topics import DeviceName

RELEASE = cose.MessageType("application/vnd.gate-scanner.release+cbor", b"gate-scanner/v1/release", certified=True)
MAX_RELEASE_BYTES = 128 * 1024
PIECE_BYTES = 128 * 1024  # a bus under a bridge loses at most so much
MOST_PARTS, MOST_PART_BYTES = 200, 512 * 1024 * 1024
SHORTEST_S, LONGEST_S = 1, 2400  # gate-update-late.timer ends what takes longer
_HASH_BYTES = 32
_VERSION = 1
_WHEEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,180}\.whl")


@dataclass(frozen=True, slots=True)
class Part:
    """One wheel.

    Attributes:
        name: its file name.
        size: bytes.
        digest: SHA-256 of all of it.
        pieces: SHA-256 of each `PIECE_BYTES` of it.
    """

    name: str
    size: int
    digest: bytes
    pieces: tuple[bytes, ...]

    @classmethod
    def of(cls, name: str, data: bytes) -> Part:
        """The part that some bytes are."""
        pieces = tuple(sha256(data[at : at + PIECE_BYTES]).digest() for at in range(0, len(data), PIECE_BYTES))
        return cls(name, len(data), sha256(data).digest(), pieces)


@dataclass(frozen=True, slots=True)
class Release:
    """One release for one kind of machine.

    Attributes:
        software: its version, as `gate-agent status` shows it.
        counter: rises with each release that is signed; tells which of two is newer.
        floor: a device that runs this release takes none below this counter any more.
        architecture: as Debian names it, `arm64` or `amd64`.
        python: minor version, such as `3.11`.
        outbox, documents, base: see `stored_formats`.
        unpacked: bytes on the disk once it is installed.
        expires_ms: nobody installs it after, milliseconds since 1970 UTC.
        well_s: so long in one piece it must be well on trial.
        within_s: it must have been within this time, or is taken back.
    """

    software: str
    counter: int
    floor: int
    architecture: str
    python: str
    outbox: int
    documents: int
    base: int
    unpacked: int
    expires_ms: int
    parts: tuple[Part, ...]
    well_s: int = 180
    within_s: int = 1200

    @property
    def part_bytes(self) -> int:
        """All of its wheels."""
        return sum(part.size for part in self.parts)


def identity_of(message: bytes) -> str:
    """A signed release's own name: the hash of its bytes, 64 hex digits. Commands and slots name it so."""
    return sha256(message).hexdigest()


def issue(release: Release, officer: Officer) -> bytes:
    """Signs a release with the key for updates."""
    parts = [{1: part.name, 2: part.size, 3: part.digest, 4: b"".join(part.pieces)} for part in release.parts]
    return officer.sign(
        encode({
            1: _VERSION, 2: release.software, 3: release.counter, 4: release.floor, 5: release.architecture, 6: release.python,
            7: release.outbox, 8: release.documents, 9: release.base, 10: release.unpacked, 11: release.expires_ms, 12: release.well_s,
            13: release.within_s, 14: parts,
        }),
        RELEASE,
    )  # fmt: skip


def verify(
    message: bytes,
    root: Ed25519PublicKey,
    name: DeviceName | None = None,
    now_ms: int | None = None,
    not_before_ms: int = 0,
    revoked: Collection[str] = frozenset(),
) -> Release:
    """Checks who signed a release, and that it may still be installed; whether it suits this machine is for the caller.

    Args:
        message: as received.
        root: the pinned root key.
        name: for whose device; None asks nothing about organisations.
        now_ms: trusted wall time, or None.
        not_before_ms: a signed lower bound of the time.
        revoked: the ids of keys that count no more, hex.

    Raises:
        Malformed: not a release.
        cose.Forged: not by a key for updates, for another organisation, or expired.
    """
    payload, certificate = authority.verify_signer_of(message, RELEASE, (Power.UPDATE,), root, MAX_RELEASE_BYTES, now_ms, not_before_ms)
    if cose.key_id(certificate.public_key).hex() in revoked:
        raise cose.Forged("release: its signer was revoked")
    if name is not None and certificate.org not in {None, name.org}:
        raise cose.Forged("release: its signer is for another organisation's devices")
    release = _decode(payload)
    if release.expires_ms < max(not_before_ms, now_ms or 0):
        raise cose.Forged("release: it has expired")
    return release


def _decode(payload: bytes) -> Release:
    fields = Fields(decode(payload, "release", MAX_RELEASE_BYTES), "release")
    fields.number(1, "version", _VERSION, _VERSION)
    counter = fields.number(3, "counter", 1)
    parts = tuple(_part(item) for item in fields.items(14, "parts", MOST_PARTS))
    if not parts or len({part.name for part in parts}) != len(parts):
        raise Malformed("release: it has no parts, or two of one name")
    return Release(
        fields.text(2, "software", 80), counter, fields.number(4, "floor", 0, counter), fields.text(5, "architecture", 20),
        fields.text(6, "python", 10), fields.number(7, "outbox"), fields.number(8, "documents"), fields.number(9, "base"),
        fields.number(10, "unpacked"), fields.number(11, "expires_ms"), parts,
        fields.number(12, "well_s", SHORTEST_S, LONGEST_S), fields.number(13, "within_s", SHORTEST_S, LONGEST_S),
    )  # fmt: skip


def _part(item: object) -> Part:
    fields = Fields(item, "part")
    name, size = fields.text(1, "name", 190), fields.number(2, "size", 1, MOST_PART_BYTES)
    count = -(-size // PIECE_BYTES)
    if not _WHEEL.fullmatch(name):
        raise Malformed("part: field 'name' must be the file name of a wheel")
    pieces = fields.octets(4, "pieces", count * _HASH_BYTES)
    return Part(
        name,
        size,
        fields.octets(3, "digest", _HASH_BYTES),
        tuple(pieces[at : at + _HASH_BYTES] for at in range(0, len(pieces), _HASH_BYTES)),
    )
