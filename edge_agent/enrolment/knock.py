"""Knocks at the province's door: one TLS connection, the door proves itself, then request and answer. See `edge_agent.link.door_link`."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.device.device_keys import DeviceKeys
from edge_agent.device.token_signer import TokenTrouble
from edge_agent.link import door_link
from edge_agent.wire import joining, ticket
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.joining import Answer, Wish

_PATIENCE_S = 15.0


class NotReached(Exception):
    """The door cannot be reached now; the message says what to check. Trying again later may help."""


class Untrusted(Exception):
    """Whoever answered is not the door of our province, or said something that cannot be believed; nothing secret was told to it."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer of a door that proved itself, and the root it proved."""

    answer: Answer
    root: Ed25519PublicKey


def _context() -> ssl.SSLContext:
    """TLS that encrypts and names no one: the greeting proves who is there, by the root, without names and dates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def with_ticket(text: str, keys: DeviceKeys, member: str | None = None) -> Heard:
    """Asks to join with a ticket or an invitation; `member` is who this device is now, None when it is nobody's.

    Raises:
        Malformed: the text is no ticket.
        NotReached, Untrusted: see there.
        token_signer.TokenTrouble: our own key does not sign now.
    """
    said = ticket.peek(text)
    return _knock(
        (said.host, said.port),
        said.root,
        partial(keys.request, Wish.JOIN, ticket=ticket.to_bytes(text), member=member),
        ticket.to_bytes(text),
    )


def for_renewal(door: tuple[str, int], root: Ed25519PublicKey, keys: DeviceKeys) -> Heard:
    """Asks for a new certificate when the old one has run out and the broker lets us in no more.

    Raises:
        NotReached, Untrusted: see there.
        token_signer.TokenTrouble: our own key does not sign now.
    """
    return _knock(door, ticket.fingerprint(root), partial(keys.request, Wish.RENEW), None)


def _knock(door: tuple[str, int], root_fingerprint: bytes, request: Callable[..., bytes], ticket_bytes: bytes | None) -> Heard:
    where = f"the province's door {door[0]}:{door[1]}"
    try:
        with socket.create_connection(door, _PATIENCE_S) as raw, _context().wrap_socket(raw) as stream:
            return _talk(stream, root_fingerprint, request, ticket_bytes)
    except (Malformed, Forged) as error:
        raise Untrusted(f"{where}: {error}") from None
    except TokenTrouble:
        raise  # nobody's network is to blame
    except socket.gaierror:
        raise NotReached(f"{where}: the name cannot be resolved: check the network") from None
    except TimeoutError:
        raise NotReached(f"{where}: no answer within {_PATIENCE_S:g} s: check the network") from None
    except (OSError, ValueError) as error:  # ValueError: a host name that cannot be one
        why = getattr(error, "strerror", None) or error
        raise NotReached(f"{where}: {why}: check the network, and that `gate-province admit` runs there") from None


def _talk(stream: ssl.SSLSocket, root_fingerprint: bytes, request: Callable[..., bytes], ticket_bytes: bytes | None) -> Heard:
    certificate = stream.getpeercert(binary_form=True) or b""
    greeting = door_link.receive_frame(stream, door_link.MAX_GREETING_BYTES)
    door = door_link.recognise(greeting, root_fingerprint, certificate)
    if ticket_bytes is not None:
        ticket.verify(ticket_bytes, door.officer)  # a made-up ticket for a real province is not even shown to it
    message = request(door=door_link.tls_key_hash(certificate))
    door_link.send_frame(stream, message)
    return Heard(joining.read_answer(door_link.receive_frame(stream, joining.MAX_ANSWER_BYTES), message, door.root), door.root)
