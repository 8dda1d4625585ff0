"""How we check a broker and prove who we are to it, and in plain words why it came to nothing."""

from __future__ import annotations

import socket
import ssl
import time

from cryptography import x509

from edge_agent.link.endpoint import Endpoint

CONNECT_S = 10.0
NOT_ACCEPTED = "it does not accept our certificate (revoked, expired, of another province)"
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, OpenSSL 1.1.0 and later: Python's ssl has no name for it, and passes it on


def tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    """How we check the broker and prove who we are.

    A clock that stands before a time we have proof of is wrong, and would call good certificates "not yet valid": then OpenSSL leaves the
    times alone (X509_V_FLAG_NO_CHECK_TIME, decision 0062) and `refuse_outdated` compares with the time we know.

    Raises:
        OSError: a file cannot be used; the message names it.
    """
    try:
        context = ssl.create_default_context(cafile=str(endpoint.authority_file))
    except OSError:  # SSLError is one
        raise OSError(f"{endpoint.authority_file}: the broker's authority certificate cannot be read") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if _clock_is_behind(endpoint.known_ms()):
        context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
    try:
        context.load_cert_chain(str(endpoint.certificate_file), str(endpoint.key_file))
    except OSError:
        raise OSError(f"{endpoint.certificate_file} and {endpoint.key_file}: our certificate and key cannot be read") from None
    return context


class Outdated(ValueError):
    """The broker's certificate had ended before a time that has surely come."""


def _clock_is_behind(known_ms: int) -> bool:
    return time.time_ns() // 1_000_000 < known_ms


def refuse_outdated(stream: ssl.SSLSocket, known_ms: int) -> None:
    """Refuses, after the handshake, a broker's certificate that had ended before the time we know; see `tls_context`.

    Raises:
        ValueError: it had; `explain` says it in words.
    """
    certificate = stream.getpeercert(binary_form=True)
    if certificate is None or not _clock_is_behind(known_ms):
        return
    ended_ms = x509.load_der_x509_certificate(certificate).not_valid_after_utc.timestamp() * 1000
    if ended_ms < known_ms:
        raise Outdated


def is_refusal(error: OSError | ValueError) -> bool:
    """Whether the broker itself ended the handshake, with an alert (RFC 5246 and 8446, "Alert Protocol").

    In TLS 1.2 a certificate that it does not accept is told so; in 1.3 our side of the handshake is over by then.
    """
    return isinstance(error, ssl.SSLError) and "_ALERT_" in (error.reason or "")


def explain(error: OSError | ValueError, endpoint: Endpoint) -> str:
    """Says in plain words why a connection failed and what to check."""
    match error:
        case ssl.SSLCertVerificationError():
            why = f"its certificate is not one of this province for this host name ({error.verify_message}): check host and bundle"
        case ssl.SSLError() if is_refusal(error):
            why = f"it broke off TLS ({error.reason}): {NOT_ACCEPTED}, or does not speak TLS 1.2 or later: check both"
        case ssl.SSLError():
            why = f"TLS failed ({error.reason or error}): check that this is the province's TLS port and the clock is right"
        case Outdated():
            why = "its certificate had ended before the last time this device knew: the broker needs a new one"
        case ConnectionRefusedError():
            why = "nothing listens there: check that the broker runs and the port is right"
        case socket.gaierror():
            why = "the name cannot be resolved: check the network and the host name"
        case TimeoutError():
            why = f"no answer within {CONNECT_S:g} s: check the network"
        case _:
            why = f"{getattr(error, 'strerror', None) or error}: check host, port and the network"
    return f"broker {endpoint.host}:{endpoint.port}: {why}"
