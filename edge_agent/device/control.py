"""The words between gate-firmware and those who listen to it, over a local socket: bounded JSON messages, no waiting.

Firmware serves `control.sock` (SOCK_SEQPACKET) in the runtime folder; the agent and local tools connect. Firmware sends
`counters`, `passage` and `ticket` messages and never waits for a reader: one who is slow misses messages. Readers send requests:
`counters`, `identify`, `test-pattern`, `setup`, `restart`, `close`, `open`, `trip-begin`, `trip-end` and `trip-terminus` (answered `done`
or `refused`), `check-config` (answered `config-checked`); those of the keeper's station page are in station_words.py.
Nothing of this touches a disk.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Any

SOCKET_NAME = "control.sock"
MAX_MESSAGE_BYTES = 32 * 1024
PASSAGE, TICKET, TICKET_TRIED = "passage", "ticket", "ticket-tried"
NOT_ENROLLED = "not-enrolled"  # how a gate is that belongs to nobody: it waits for a ticket, and its counters tell of its parts alone


class Tried(StrEnum):
    """What came of a ticket, as far as whoever installs the device can do something about it."""

    JOINED = "joined"
    REFUSED = "refused"  # the province said no: expired, used, for another device
    NOT_REACHED = "not-reached"  # no network, or nobody at the province's door
    FOREIGN = "foreign"  # of another province, forged, or no ticket
    FAILED = "failed"  # something of the device's own; its log says what


class BadMessage(ValueError):
    """Not a message: too long, not JSON, or without a type."""


def encode(message: Mapping[str, Any]) -> bytes:
    """A message's bytes.

    Raises:
        BadMessage: longer than 32 kB.
    """
    data = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    if len(data) > MAX_MESSAGE_BYTES:
        raise BadMessage(f"a message of {len(data)} bytes, at most {MAX_MESSAGE_BYTES} fit")
    return data


def decode(data: bytes) -> dict[str, Any]:
    """A message from its bytes.

    Raises:
        BadMessage: not a message.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise BadMessage("longer than a message may be")
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        raise BadMessage("not JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise BadMessage("a message is an object with a type")
    return message


class ControlClient:
    """A connection to firmware's control socket.

    Args:
        runtime: the runtime folder.
        timeout_s: how long `receive` waits.

    Raises:
        OSError: firmware is not running, or does not let us in.
    """

    def __init__(self, runtime: Path, timeout_s: float | None = None) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._socket.settimeout(timeout_s)
            self._socket.connect(str(runtime / SOCKET_NAME))
        except OSError:
            self._socket.close()
            raise

    def send(self, message: Mapping[str, Any]) -> None:
        """Sends a request."""
        self._socket.send(encode(message))

    def receive(self) -> dict[str, Any] | None:
        """The next message, or None when firmware closed the connection.

        Raises:
            TimeoutError: nothing came in time.
            BadMessage: what came is not a message.
        """
        data = self._socket.recv(MAX_MESSAGE_BYTES + 1)
        return decode(data) if data else None

    def messages(self) -> Iterator[dict[str, Any]]:
        """All messages until firmware closes the connection."""
        while (message := self.receive()) is not None:
            yield message

    def shut(self) -> None:
        """Ends `messages` and `receive` in another thread."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()


def ask(runtime: Path, request: str, answers: tuple[str, ...], timeout_s: float = 2.0, **more: object) -> dict[str, Any] | None:
    """Firmware's answer to a request, None when it is not running or does not answer.

    Args:
        runtime: the runtime folder.
        request: the request's type.
        answers: types of messages that answer it; others that come meanwhile are passed over.
        timeout_s: how long to wait for each message.
        more: what else the request says.
    """
    try:
        with closing(ControlClient(runtime, timeout_s)) as client:
            client.send({"type": request, **more})
            return next((message for message in client.messages() if message["type"] in answers), None)
    except (OSError, BadMessage):
        return None


def ask_counters(runtime: Path, timeout_s: float = 2.0) -> dict[str, Any] | None:
    """Firmware's counters now, None when it is not running or does not answer."""
    return ask(runtime, "counters", ("counters",), timeout_s)


def ticket_message(text: str) -> dict[str, Any]:
    """What firmware says to its listeners when an enrolment ticket was scanned and may be obeyed.

    It may while the device is not enrolled, or within ten minutes of a button press or signed command: firmware knows, the agent obeys.
    Firmware says it again until the agent answers with `tried_message`: the agent may not be there yet.
    """
    return {"type": TICKET, "text": text}


def scanned_ticket(message: Mapping[str, Any]) -> str | None:
    """The ticket's text in a message of firmware, None when it is another message."""
    text = message.get("text")
    return text if message["type"] == TICKET and isinstance(text, str) else None


def tried_message(text: str, tried: Tried) -> dict[str, Any]:
    """What the agent answers when it is through with a ticket."""
    return {"type": TICKET_TRIED, "text": text, "tried": str(tried)}


def came_of(message: Mapping[str, Any]) -> Tried:
    """What the agent says came of a ticket."""
    tried = message.get("tried")
    return Tried(tried) if tried in tuple(Tried) else Tried.FAILED
