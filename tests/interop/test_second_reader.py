"""The wire format has a second reader, in JavaScript, written from hw_docs/protocol.md: it reads the vectors, and judges as ours does.

Needs Node.js 18 or later and the packages of this folder, which `make setup` installs where there is Node.js; else these tests are skipped.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sealed_examples import vectors

from edge_agent.wire import cose, envelope, keyring, receipt, sealing
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.topics import DeviceName

HERE = Path(__file__).parent
NODE = shutil.which("node")
GET_PACKAGES = "npm --prefix tests/interop ci"
MISSING = (
    f"the second reader needs Node.js 18: apt-get install nodejs npm, then {GET_PACKAGES}"
    if NODE is None
    else f"the second reader's packages are not installed: {GET_PACKAGES}"
)
pytestmark = pytest.mark.skipif(NODE is None or not (HERE / "node_modules").is_dir(), reason=MISSING)
VECTORS = vectors()
NAME = DeviceName(**VECTORS["receipt"]["fields"]["name"])
SEALING = VECTORS["sealing_keys"][0]
SUITE = sealing.Suite(SEALING["suite"])
INFO = b"gate-scanner/v1/entry-body\0"
ODD: tuple[Any, ...] = (
    0, 1, 2, -1, 23, 24, 2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 9 * 10**8, -18 * 10**8, True, False, None,
    b"", bytes(8), bytes(16), bytes(32), "", "in", "a", "province", "chợ", "x" * 40, "x" * 41, "x" * 100, "x" * 101, "😀" * 100, "😀" * 101,
    "a\n", "\ufeff", "-", "Bus", [], [1], [bytes(16), 0, bytes(32)], [bytes(16), True, bytes(32)], [1, 2], [["a"]], {}, {1: 1}, {"a": 1},
    {1: {}}, {"x": "y", "z": 2}, "2021-02-30", "undated", "registered", "held", {"cert": b""}, cbor2.CBORTag(18, 1),
)  # fmt: skip
TRIES = 400


def key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["signing_keys"][name]["private"]))


def spoilt(value: Any, chance: random.Random) -> Any:
    """The same value with one field or item exchanged, left out or added, somewhere in it."""
    if isinstance(value, dict) and value:
        inside = chance.choice(list(value))
        match chance.randrange(5):
            case 0:
                return {one: what for one, what in value.items() if one != inside}
            case 1:
                return {**value, chance.choice([0, 16, 99, "extra", -1, True]): chance.choice(ODD)}
            case 2:
                return {**value, inside: chance.choice(ODD)}
            case _:
                return {**value, inside: spoilt(value[inside], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        return [*value[:at], spoilt(value[at], chance), *value[at + 1 :]]
    return chance.choice(ODD)


def encoded(value: Any, chance: random.Random) -> bytes:
    """Mostly in its one form; sometimes with a byte more, or its maps in the order of their making."""
    match chance.randrange(12):
        case 0:
            return cbor2.dumps(value) + b"\0"
        case 1:
            return cbor2.dumps(value)
        case _:
            return cbor2.dumps(value, canonical=True)


def entries(chance: random.Random) -> Iterator[bytes]:
    public = sealing.load_public(SUITE, bytes.fromhex(SEALING["public"]))
    for vector in VECTORS["entries"][1:]:
        header, body = (cbor2.loads(bytes.fromhex(vector[part])) for part in ("header_bytes", "body_bytes"))
        for _ in range(TRIES // 3):
            which = chance.randrange(5)
            header_bytes = encoded(spoilt(header, chance), chance) if which < 2 else bytes.fromhex(vector["header_bytes"])
            text = encoded(spoilt(body, chance), chance) if which > 2 else bytes.fromhex(vector["body_bytes"])
            bound = INFO + header_bytes
            if which != 2:
                closed = sealing.seal(text[:2047], SUITE, public, bound)
            else:  # padding as it should not be
                padding = chance.choice(
                    [b"\x80" + bytes(2047 - len(text)), b"\x80", bytes(511 - len(text)), b"\x81" + bytes(511 - len(text))]
                )
                closed = sealing._HPKE[SUITE].encrypt(text + padding, public, info=bound)
            yield cose.sign(cbor2.dumps([header_bytes, closed]), envelope.ENTRY, key("device"))


def of_the_province(what: str, kind: cose.MessageType, chance: random.Random) -> Iterator[bytes]:
    payload = cbor2.loads(bytes.fromhex(VECTORS[what]["payload"]))
    certificate = cbor2.loads(bytes.fromhex(VECTORS[what]["message"])).value[1]["cert"]
    for _ in range(TRIES):
        signer = "receipts" if what == "receipt" else "keyring"
        yield cose.sign(encoded(spoilt(payload, chance), chance), kind, key(signer), certificate)


def accepts(read: Callable[[], object]) -> str:
    try:
        read()
    except (Malformed, cose.Forged, sealing.CannotOpen):
        return "no"
    return "yes"


def our_entry(message: bytes) -> None:
    found = envelope.verify(message, key("device").public_key())
    if found.header.name != NAME or found.header.key_id != SEALING["key_id"]:
        raise Malformed("of another device, or sealed to another key")
    envelope.open_body(found, SUITE, sealing.load_private(SUITE, bytes.fromhex(SEALING["private"])))


ROOT = key("root").public_key()
OURS: dict[str, Callable[[bytes], object]] = {
    "entry": our_entry,
    "receipt": lambda message: receipt.verify(message, ROOT, NAME),
    "keyring": lambda message: keyring.verify(message, ROOT),
}


def test_it_reads_the_vectors_and_refuses_the_forged() -> None:
    ran = subprocess.run([NODE or "", "--test"], cwd=HERE, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout[-4000:]
    assert "# fail 0" in ran.stdout


@pytest.mark.parametrize("what", OURS)
def test_it_accepts_what_we_accept_and_nothing_else(what: str) -> None:
    chance = random.Random(f"the same tries for everybody: {what}")
    kind = {"receipt": receipt.RECEIPT, "keyring": keyring.KEYRING}
    messages = [*(entries(chance) if what == "entry" else of_the_province(what, kind[what], chance))]
    signer = VECTORS["signing_keys"]["device" if what == "entry" else "root"]["public"]
    asked = {"what": what, "key": signer, "name": {"org": NAME.org, "device": NAME.device}, "sealing": SEALING}
    lines = "".join(json.dumps(asked | {"message": message.hex()}) + "\n" for message in messages)
    ran = subprocess.run([NODE or "", "answer.mjs"], cwd=HERE, input=lines, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    theirs = ran.stdout.split()
    ours = [accepts(lambda message=message: OURS[what](message)) for message in messages]  # type: ignore[misc]
    differing = [message.hex() for message, our, their in zip(messages, ours, theirs, strict=True) if our != their]
    assert not differing, f"{len(differing)} of {len(messages)} are judged differently, such as {differing[0]}"
    assert {"yes", "no"} == set(ours)
