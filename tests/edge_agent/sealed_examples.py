"""Keys, people and entries for tests: the keys are fixed, so that test vectors can be made from them and read again."""

from __future__ import annotations

import json
import os
import string
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import settings
from hypothesis import strategies as st

from edge_agent.store.outbox import Spot
from edge_agent.store.recorder import Recorder
from edge_agent.wire import envelope
from edge_agent.wire.authority import Certificate, Officer, Power, certify
from edge_agent.wire.entry import (
    NO_PREVIOUS,
    Body,
    Clock,
    Direction,
    Header,
    Kind,
    Known,
    LogHead,
    Method,
    Note,
    Passage,
    Position,
    RecordedPerson,
)
from edge_agent.wire.envelope import SealingKey
from edge_agent.wire.keyring import UNDATED, EpochKey, Keyring
from edge_agent.wire.sealing import KeyPair, Suite
from edge_agent.wire.topics import DeviceName

VECTORS = Path(__file__).with_name("vectors.json")
WAIT_S = 20.0  # how long a test waits for what must come
thorough = settings(deadline=None, max_examples=150)
brief = settings(deadline=None, max_examples=40)  # where one example costs milliseconds


def seed(name: str) -> bytes:
    """32 bytes that everyone can make again."""
    return sha256(f"gate-scanner test key: {name}".encode()).digest()


def signing_key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed(name))


def sealing_pair(suite: Suite, name: str) -> KeyPair:
    x25519 = seed(f"{name} x25519")
    public = X25519PrivateKey.from_private_bytes(x25519).public_key().public_bytes_raw()
    if suite is Suite.X25519:
        return KeyPair(suite, public, x25519)
    mlkem = seed(f"{name} mlkem d") + seed(f"{name} mlkem z")
    return KeyPair(suite, MLKEM768PrivateKey.from_seed_bytes(mlkem).public_key().public_bytes_raw() + public, mlkem + x25519)


ROOT, DEVICE, STRANGER = signing_key("root"), signing_key("device"), signing_key("stranger")
ROOT_PUBLIC, DEVICE_PUBLIC = ROOT.public_key(), DEVICE.public_key()
NAME = DeviceName("bus-co", "scanner-1")
FROM_MS, TO_MS = 1_633_300_000_000, 1_949_000_000_000
DAY_PAIR, UNDATED_PAIR = sealing_pair(Suite.X25519, "2021-10-05"), sealing_pair(Suite.XWING, UNDATED)
DAY = EpochKey("2021-10-05", DAY_PAIR.suite, DAY_PAIR.public)
UNDATED_KEY = EpochKey(UNDATED, UNDATED_PAIR.suite, UNDATED_PAIR.public)
DAY_SEALING_KEY = DAY.sealing_key()
KEYRING_7 = Keyring(7, FROM_MS, (DAY, UNDATED_KEY))
LOG = seed("log")[:16]
BOOT = seed("boot")[:16]


def officer(power: Power, root: Ed25519PrivateKey = ROOT, from_ms: int = FROM_MS, to_ms: int = TO_MS, org: str | None = None) -> Officer:
    key = signing_key(f"officer {power}")
    return Officer(key, certify(Certificate(power, key.public_key(), from_ms, to_ms, org), root))


RECEIPTS_OFFICER, KEYRING_OFFICER = officer(Power.RECEIPTS), officer(Power.KEYRING)

PERSON = RecordedPerson(
    scheme="national",
    id_number="001099012345",
    name="Nguyễn Thị Minh Khai",
    old_id="012345678",
    birth_date="1999-03-15",
    sex="female",
    phone="0912345678",
    card_number="GD4790012345678",
)
PASSAGE = Passage(
    PERSON,
    Direction.IN,
    Known.LANE,
    Method.CAMERA,
    trip="52-03",
    position=Position(210_285_110, 1_058_048_170),
    health="green",
    warnings=("text-repaired",),
)


def header(
    seq: int = 1,
    prev: bytes = NO_PREVIOUS,
    log: bytes = LOG,
    kind: Kind = Kind.PASSAGE,
    key: EpochKey = DAY,
    predecessor: LogHead | None = None,
) -> Header:
    return Header(
        NAME, "Chợ Bến Thành", "Cổng Nam", log, seq, prev, kind, BOOT, 1_633_366_800_000 + seq, 90_000 + seq, Clock.SYNCHRONISED,
        key.key_id, predecessor,
    )  # fmt: skip


def sealed_at(spot: Spot, body: Body | None = None, sealing_key: SealingKey = DAY_SEALING_KEY) -> bytes:
    """What firmware's `build` does for its place in the log."""
    kind = Kind.PASSAGE if body is None or isinstance(body, Passage) else Kind.BOOT
    return envelope.make(header(spot.seq, spot.prev, spot.log, kind, DAY, spot.predecessor), body or PASSAGE, sealing_key, DEVICE)


def scribbled_at(spot: Spot, size: int = 300) -> bytes:
    """Bytes that stand for an envelope where nobody opens it: quick, and different for each place."""
    return sha256(spot.log + spot.seq.to_bytes(8, "big") + spot.prev).digest() + bytes(size - 32)


def filled(path: Path, count: int, build: Callable[[Spot], bytes] = sealed_at, capacity_bytes: int = 10**9) -> list[bytes]:
    """Makes an outbox with entries and returns their envelopes."""
    made: list[bytes] = []

    def keep(spot: Spot) -> bytes:
        made.append(build(spot))
        return made[-1]

    recorder = Recorder(path, capacity_bytes)
    for _ in range(count):
        recorder.append(keep)
    recorder.close()
    return made


def vectors() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(VECTORS.read_text("utf-8"))
    return loaded


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# ── what hypothesis draws from ──────────────────────────────────────────────────────────────────────────────────────────────────

_NAME_EDGE = string.ascii_lowercase + string.digits
names = st.builds(
    lambda first, inner, last: first + inner + last if inner else first,
    st.sampled_from(_NAME_EDGE),
    st.text(_NAME_EDGE + "-", max_size=38),
    st.sampled_from(_NAME_EDGE),
)
device_names = st.builds(DeviceName, names.filter(lambda name: name != "province"), names)
hashes = st.binary(min_size=32, max_size=32)
ids16 = st.binary(min_size=16, max_size=16)
numbers = st.integers(0, 2**63 - 1)


def texts(most: int, least: int = 1) -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), min_size=least, max_size=most)


headers = st.builds(
    Header,
    name=device_names,
    site=texts(100),
    gate=texts(100),
    log=ids16,
    seq=st.integers(1, 2**63 - 1),
    prev=hashes,
    kind=st.sampled_from(Kind),
    boot=ids16,
    wall_ms=numbers,
    boottime_ms=numbers,
    clock=st.sampled_from(Clock),
    key_id=texts(64),
    predecessor=st.none() | st.builds(LogHead, ids16, numbers, hashes),
)
people = st.builds(
    RecordedPerson,
    scheme=texts(20),
    id_number=texts(40),
    name=texts(100),
    old_id=st.none() | texts(12),
    birth_date=st.none() | texts(10),
    sex=st.none() | texts(10),
    phone=st.none() | texts(20),
    card_number=st.none() | texts(20),
)
positions = st.builds(Position, st.integers(-90 * 10**7, 90 * 10**7), st.integers(-180 * 10**7, 180 * 10**7))
passages = st.builds(
    Passage,
    person=people,
    direction=st.sampled_from(Direction),
    known=st.sampled_from(Known),
    method=st.sampled_from(Method),
    trip=st.none() | texts(20),
    position=st.none() | positions,
    health=st.none() | texts(20),
    warnings=st.lists(texts(20), max_size=4).map(tuple),
)
notes = st.builds(Note, st.dictionaries(texts(20), texts(40, least=0) | st.integers(-(2**63) + 1, 2**63 - 1), max_size=8))
