"""Tests what lets this device in at the broker: certificate and key, their dates, who may read them; and whether the broker lets it in."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from edge_agent.base import private_files
from edge_agent.device import known_time
from edge_agent.device.identity import FOLDER, SIGNING_KEY, TLS_KEY, Identity
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire.entry import Clock
from firmware.time_sense import Now
from firmware.verdict import Finding, fault, note, ok, skipped

_PART = "certificate"
_RENEW = "ask the province for a new bundle and run: gate-agent enrol BUNDLE"
_ELSEWHERE = "a systemd credential, which only the services are given"
_FEW_DAYS = 30  # time enough to drive there
_DAY_MS = 86_400_000


def check_certificate(identity: Identity, now: Now, not_before_ms: int) -> Finding:
    """Whether our certificate is ours, whole and in its time.

    Args:
        identity: whose files they are.
        now: this moment; dates are judged only by a clock that can be trusted.
        not_before_ms: the signed lower bound: by it a certificate has ended even where the clock says nothing.
    """
    endpoint = identity.endpoint
    if _is_key_elsewhere(endpoint):
        return note(_PART, f"{endpoint.key_file}: {_ELSEWHERE}", "what the services found is in check.json in the state folder")
    try:
        certificate = x509.load_pem_x509_certificate(endpoint.certificate_file.read_bytes())
        key = load_pem_private_key(endpoint.key_file.read_bytes(), password=None)
        authority = x509.load_pem_x509_certificate(endpoint.authority_file.read_bytes())
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        what = error.strerror if isinstance(error, OSError) else "not whole PEM text"
        return fault(_PART, f"{endpoint.certificate_file.parent}: certificate or key cannot be read ({what})", _RENEW)
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        return fault(_PART, "the key does not belong to the certificate", _RENEW)
    names = [str(part.value) for part in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [str(identity.name)]:
        return fault(_PART, f"it is for {', '.join(names) or 'nobody'}, not for {identity.name}", _RENEW)
    return _check_dates(certificate, authority, now, not_before_ms)


def _is_key_elsewhere(endpoint: Endpoint) -> bool:
    with suppress(OSError):
        return private_files.is_note(endpoint.key_file)
    return False


def _check_dates(certificate: x509.Certificate, authority: x509.Certificate, now: Now, not_before_ms: int) -> Finding:
    begins_ms = max(_ms(each.not_valid_before_utc) for each in (certificate, authority))
    ends_ms = min(_ms(each.not_valid_after_utc) for each in (certificate, authority))
    shown = f"valid until {datetime.fromtimestamp(ends_ms / 1000, UTC):%Y-%m-%d}"
    trusted = now.clock is not Clock.UNKNOWN
    earliest_ms = now.wall_ms if trusted else not_before_ms
    if earliest_ms > ends_ms:
        return fault(_PART, f"{shown}: it has ended", _RENEW)
    if not trusted:
        return note(_PART, f"{shown}; whether it is in its time cannot be told without a clock", "set the clock first: see clock")
    if now.wall_ms < begins_ms:
        begins = datetime.fromtimestamp(begins_ms / 1000, UTC)
        return fault(_PART, f"not valid before {begins:%Y-%m-%d %H:%M} UTC", "check the clock of this device and of the province")
    days = (ends_ms - now.wall_ms) // _DAY_MS
    detail = f"{shown}, {days} days left"
    return ok(_PART, detail) if days >= _FEW_DAYS else note(_PART, detail, _RENEW)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def check_private_files(state: Path, loosened: Sequence[str] = ()) -> Finding:
    """Whether the keys are for the scanner's own user alone, who must be able to read them.

    Args:
        state: the state folder.
        loosened: what `loose_files` said before the identity was loaded, which closes what it finds open.
    """
    part, wrong = "private files", list(_wrong_files(state))
    if wrong:
        return fault(part, "; ".join(wrong), f"sudo chown -R --reference={state} {state / FOLDER} && sudo chmod -R go= {state / FOLDER}")
    if loosened:
        todo = "if others use this machine, take its keys for known: gate-agent reset, and enrol it anew"
        return note(part, f"{'; '.join(loosened)}: others could read or change it; now they cannot", todo)
    return ok(part, "keys are readable by the scanner's own user alone")


def loose_files(state: Path) -> Iterator[str]:
    """What others may read or change of the keys and their folder."""
    for file in _private_files(state):
        try:
            seen = os.lstat(file).st_mode
        except OSError:
            continue
        if stat.S_IMODE(seen) & (0o022 if stat.S_ISDIR(seen) else 0o077):
            yield f"{file.name} has mode {stat.S_IMODE(seen):o}"


def _private_files(state: Path) -> tuple[Path, ...]:
    return (state / FOLDER, state / FOLDER / SIGNING_KEY, state / FOLDER / TLS_KEY)


def _wrong_files(state: Path) -> Iterator[str]:
    yield from loose_files(state)
    owner = state.stat().st_uid
    for file in _private_files(state):
        try:
            if os.lstat(file).st_uid != owner:
                yield f"{file.name} belongs to another user than {state}"
        except OSError as error:
            yield f"{file.name}: {error.strerror}"


def check_broker(identity: Identity, state: Path) -> Finding:
    """Whether the broker can be reached and lets us in; signs nobody in.

    Args:
        identity: who asks.
        state: the state folder: what is kept there bounds the time where the clock is wrong (decision 0062).
    """
    from edge_agent.device.broker_probe import NotLetIn, Unreachable, probe  # noqa: PLC0415 - with --offline nobody needs MQTT

    mine = identity.endpoint
    if _is_key_elsewhere(mine):
        return skipped("broker", f"our key for it is {_ELSEWHERE}")
    certificate = known_time.read_certificate(mine.certificate_file)
    endpoint = replace(mine, known_ms=lambda: known_time.known_ms(state, identity.root, certificate))
    try:
        version = probe(endpoint)
    except Unreachable as error:  # people pass all the same: design.md, "Failure table"
        return note("broker", str(error), "scans go on and entries wait here; once the broker answers they are sent by themselves")
    except NotLetIn as error:
        return fault("broker", str(error), "check the clock first, then " + _RENEW)
    return ok("broker", f"{endpoint.host}:{endpoint.port} lets us in ({version})")
