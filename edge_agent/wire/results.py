"""What a device says became of a command: JSON on its topic `results`, for operators and the tools they have.

accepted → running → successful or failed; or refused, and then nothing was done. Each carries the device's signature over it, so that
nobody on the way can say "successful" for it; what is sent in pieces is signed as a whole.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.wire import cbor, cose
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.topics import DeviceName

MAX_RESULT_BYTES = 64 * 1024
_VERSION = 1
_PROOF = cose.MessageType("application/vnd.gate-scanner.result+cbor", b"gate-scanner/v1/result")
_MOST_PROOF_BYTES = 512
_MOST = {"proof": 800, "issuer": 64, "action": 40, "reason": 40, "detail": 2000, "nonce": 64, "data": 48_000}


class State(StrEnum):
    """How far a command has come."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    REFUSED = "refused"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self in {State.SUCCESSFUL, State.FAILED, State.REFUSED}


class Refusal(StrEnum):
    """Why a command was not obeyed."""

    FORGED = "forged"  # not signed by anybody we know, or no command at all
    RETAINED = "retained"
    WRONG_TARGET = "wrong-target"  # for another device
    WRONG_POWER = "wrong-power"  # its key may not order this, or not this organisation
    WRONG_LOG = "wrong-log"  # we write another log than it names
    REVOKED = "revoked"  # its key counts no more
    UNKNOWN = "unknown"  # an action or arguments that this version does not know
    EXPIRED = "expired"
    NO_CLOCK = "no-clock"  # nobody tells whether it has expired: it must carry the nonce of this boot
    REPLAYED = "replayed"  # its counter is not above all before it
    BUSY = "busy"  # too many wait


TOLD = frozenset(Refusal) - {
    Refusal.FORGED,
    Refusal.RETAINED,
    Refusal.WRONG_TARGET,
}  # to whoever sent it; of the rest only the count is kept


@dataclass(frozen=True, slots=True)
class Result:
    """One word about one command.

    Attributes:
        issuer: id of the key that signed the command, hex.
        counter: of the command.
        action: of the command.
        state: how far it has come.
        reason: a word for programs, empty unless failed or refused.
        detail: words for people.
        nonce: what a command must carry now, hex; with refusal `no-clock` alone.
        part, parts: which piece of how many `data` is, from 1 on; 0 where there is none.
        data: a piece of what was asked for, base64.
        proof: the device's signature over all but the pieces, base64.
    """

    issuer: str
    counter: int
    action: str
    state: State
    reason: str = ""
    detail: str = ""
    nonce: str = ""
    part: int = 0
    parts: int = 0
    data: str = ""
    proof: str = ""


def _said(result: Result, name: DeviceName) -> bytes:
    detail = sha256(result.detail.encode()).digest()
    texts = result.action, str(result.state), result.reason, detail, result.nonce
    return cbor.encode([_VERSION, name.org, name.device, result.issuer, result.counter, *texts])


def prove(result: Result, name: DeviceName, signer: cose.Signer) -> Result:
    """The same, signed by the device that says it."""
    return replace(result, proof=base64.b64encode(cose.sign(_said(result, name), _PROOF, signer)).decode())


def is_proved(result: Result, name: DeviceName, key: Ed25519PublicKey) -> bool:
    """Whether this device says so, and in these words."""
    try:
        proof = cose.parse(base64.b64decode(result.proof, validate=True), _PROOF, _MOST_PROOF_BYTES)
        return cose.check(proof, _PROOF, key) == _said(result, name)
    except (ValueError, Malformed):  # Forged is a ValueError too
        return False


def encode(result: Result) -> bytes:
    """The message."""
    said = {key: value for key, value in asdict(result).items() if value not in {"", 0}}
    return json.dumps({"version": _VERSION, **said}, ensure_ascii=False).encode()


def decode(message: bytes) -> Result:
    """Reads what came from the broker.

    Raises:
        Malformed: not a result.
    """
    if len(message) > MAX_RESULT_BYTES:
        raise Malformed("result: longer than one may be")
    try:
        fields = json.loads(message)
        state = State(fields["state"])
        texts = {name: fields.get(name, "") for name in _MOST}
        numbers = {name: fields.get(name, 0) for name in ("counter", "part", "parts")}
        right = all(isinstance(text, str) and len(text) <= _MOST[name] for name, text in texts.items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Malformed("result: not one") from None
    if (
        not right
        or fields.get("version") != _VERSION
        or not all(type(number) is int and 0 <= number < 2**63 for number in numbers.values())
    ):
        raise Malformed("result: a field is of another kind or too long")
    return Result(state=state, **texts, **numbers)
