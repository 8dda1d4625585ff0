"""Tries whether the broker can be reached and lets us in, without signing in: that would throw out the agent, who has our name there."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from contextlib import suppress

from edge_agent.link.broker_tls import explain, refuse_outdated, tls_context
from edge_agent.link.endpoint import Endpoint

PROBE_S = 3.0
_ANY_BYTES = 4096  # session tickets are all it may send
_MISSED_GOODBYE = "ALERT_DECODE_ERROR"  # how OpenSSL complains of an end without TLS's own goodbye (RFC 8446, section 6.1)


class Unreachable(Exception):
    """Nobody answers; entries wait on the device meanwhile. The message says what to check."""


class NotLetIn(Exception):
    """Somebody answers, but the two of us do not trust each other, or our own files cannot be used."""


def probe(endpoint: Endpoint, timeout_s: float = PROBE_S) -> str:
    """Shakes hands with the broker over TLS with our certificate, and leaves.

    In TLS 1.3 (RFC 8446, section 4.4.2) a server judges our certificate after the handshake has ended for us: what it thinks shows
    in how it ends the connection.

    Returns:
        The TLS version.

    Raises:
        Unreachable: no network, no such host, nobody listening, no answer in time.
        NotLetIn: TLS failed, at either end. Without a clock its times are judged as the agent does: by `endpoint.known_ms` alone.
    """
    try:
        context = tls_context(endpoint)
    except OSError as error:
        raise NotLetIn(str(error)) from None
    try:
        with socket.create_connection((endpoint.host, endpoint.port), timeout_s) as plain:
            return _shake_hands(context, plain, endpoint)
    except ssl.SSLError as error:
        raise NotLetIn(_refusal(error, endpoint)) from None
    except TimeoutError:
        raise Unreachable(f"broker {endpoint.host}:{endpoint.port}: no answer within {timeout_s:g} s: check the network") from None
    except UnicodeError as error:  # no host name
        raise Unreachable(explain(error, endpoint)) from None
    except ValueError as error:
        raise NotLetIn(explain(error, endpoint)) from None
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            raise Unreachable("not tried: this process may use no network, as gate-firmware.service has it") from None
        raise Unreachable(explain(error, endpoint)) from None


def _refusal(error: ssl.SSLError, endpoint: Endpoint) -> str:
    if "ALERT" not in (error.reason or ""):
        return explain(error, endpoint)
    return (
        f"broker {endpoint.host}:{endpoint.port}: it does not accept our certificate ({error.reason}): revoked, expired, or of another "
        "province. Ask the province for a new bundle"
    )


def _shake_hands(context: ssl.SSLContext, plain: socket.socket, endpoint: Endpoint) -> str:
    with context.wrap_socket(plain, server_hostname=endpoint.host) as secured:
        refuse_outdated(secured, endpoint.known_ms())
        version = secured.version() or "TLS"
        with socket.socket(fileno=os.dup(secured.fileno())) as below, suppress(OSError):  # it may be quicker, and have hung up
            below.shutdown(socket.SHUT_WR)  # we have nothing to say; a goodbye of TLS would cross with an alert and hide it
        try:
            while secured.recv(_ANY_BYTES):
                pass
        except ConnectionError:
            return version  # it may hang up as it likes
        except ssl.SSLError as error:
            if not (error.reason or "").endswith(_MISSED_GOODBYE):
                raise
        return version
