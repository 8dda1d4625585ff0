"""Joining where there is no network yet: a request and its answer carried on a stick. Neither holds a secret: the keys stay here.

Both are JSON files with the same signed bytes that go through the door (`edge_agent.wire.joining`). What proves the province here is the
hand that carried the answer: its root key is pinned as the file says.
"""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.device import device_keys
from edge_agent.device.documents import Documents
from edge_agent.enrolment import join, membership
from edge_agent.wire import joining
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.joining import Membership, Wish

REQUEST_FORMAT = "gate-scanner-request/1"
ANSWER_FORMAT = "gate-scanner-answer/1"
_DOCUMENT, _FILE_NAME = "request", "request.json"  # a file of its own: the agent may be writing the others
_MOST_BYTES = 1024 * 1024


class BadAnswer(Exception):
    """The file cannot be used; the message says why and what to do."""


def write_request(file: Path, state: Path) -> None:
    """Writes a request, making the device's keys if there are none; remembers it, so that its answer is known again.

    Raises:
        FileExistsError, OSError: the file is there already, or cannot be written.
        identity.BadIdentity: a key is damaged.
    """
    keys, member = device_keys.load_or_make(state), join.member_now(state)
    request = keys.request(Wish.JOIN, member=None if member is None else str(member.name))
    text = base64.b64encode(request).decode()
    with file.open("x", encoding="utf-8") as opened:
        json.dump({"format": REQUEST_FORMAT, "request": text}, opened)
        opened.write("\n")
    documents = Documents(state, _FILE_NAME)
    try:
        documents.put(_DOCUMENT, {"request": text})
    finally:
        documents.close()


def is_answer(file: Path) -> bool:
    """Tells whether a file means to be an answer rather than a bundle."""
    try:
        return _fields(file).get("format") == ANSWER_FORMAT
    except BadAnswer:
        return False


def _fields(file: Path) -> dict[str, object]:
    try:
        with file.open("rb") as opened:
            fields = json.loads(opened.read(_MOST_BYTES).decode())
    except OSError as error:
        raise BadAnswer(f"{file}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise BadAnswer(f"{file}: not an answer. Make one: gate-province device add --request")
    return fields


def install(file: Path, state: Path) -> Membership:
    """Installs what an answer grants, with firmware and agent stopped.

    Raises:
        BadAnswer: not the answer to this device's last request, or not of one province.
        AlreadyRunning, takeover.AlreadyEnrolled, BadMembership, identity.BadIdentity, OSError: see `membership.install`.
    """
    fields = _fields(file)
    try:
        message = base64.b64decode(str(fields.get("answer", "")), validate=True)
        root = Ed25519PublicKey.from_public_bytes(base64.b64decode(str(fields.get("root", "")), validate=True))
        answer = joining.read_answer(message, _last_request(state), root)
    except (binascii.Error, ValueError) as error:  # Malformed and Forged are ValueErrors too
        why = str(error) if isinstance(error, Malformed | Forged) else "damaged"
        raise BadAnswer(f"{file}: {why}. Write a new request (gate-agent enrol --request) and carry that one") from None
    if answer.membership is None:
        raise BadAnswer(f"{file}: the province refused: {answer.reason}")
    with join.locked(state):
        membership.install(answer.membership, root, device_keys.load_or_make(state), state)
    return answer.membership


def _last_request(state: Path) -> bytes:
    if not state.is_dir():
        raise Malformed("this device has made no request")
    documents = Documents(state, _FILE_NAME)
    try:
        kept = documents.get(_DOCUMENT)
    finally:
        documents.close()
    if kept is None:
        raise Malformed("this device has made no request")
    return base64.b64decode(kept["request"])
