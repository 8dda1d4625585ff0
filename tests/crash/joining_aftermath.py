"""What a member finds when the power is back: its keys, its place and a certificate that fits; and that it can join again."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from aftermath import Broken, Outcome, Promised
from crash_device import STATE
from cryptography import x509
from joining_scenarios import GATES, join_at
from sealed_examples import ROOT_PUBLIC

from edge_agent.device import device_keys, identity, stored_keyring
from edge_agent.device.identity import BadIdentity, Identity, NotEnrolled


def key_of(state: Path) -> str:
    """The public half of its signing key."""
    return device_keys.load(state).signing.public_key().public_bytes_raw().hex()


def _fits(who: Identity, state: Path) -> dict[str, str]:
    """What the device is, all of whose parts belong together."""
    ssl.create_default_context(cafile=who.endpoint.authority_file).load_cert_chain(who.endpoint.certificate_file, who.endpoint.key_file)
    stored_keyring.read(state, ROOT_PUBLIC)
    certificate = x509.load_pem_x509_certificate(who.endpoint.certificate_file.read_bytes())
    return {"gate": who.gate, "certificate": f"{certificate.serial_number:x}"}


def member_at(state: Path) -> dict[str, str] | None:
    """What the device is, all of whose parts belong together; None when it is nobody's.

    Raises:
        Broken: they do not.
    """
    try:
        who = identity.load(state)
    except NotEnrolled:
        return None
    except BadIdentity as error:
        raise Broken(Outcome.SHUT, str(error)) from error
    return _fits(who, state)


def _outcome(now: dict[str, str] | None, allowed: list[Any]) -> Outcome:
    first, last = allowed[0], allowed[-1]
    if now == first:
        return Outcome.BEFORE
    moved_half_way = first is not None and first | {"certificate": last["certificate"]}  # as good at the old place
    if now in (last, moved_half_way):
        return Outcome.AFTER
    raise Broken(Outcome.LOST, f"a member as {now}, promised was {first}")


def check_membership(folder: Path, promises: Promised) -> Outcome:
    """The device has the key of its label and is who it was, or who it was to become; a ticket makes either whole."""
    state, key = folder / STATE, promises.key[0]
    if key is not None and (not state.is_dir() or key_of(state) != key):
        raise Broken(Outcome.LOST, "the key of the label is gone")
    outcome = _outcome(member_at(state), promises.member)
    become = join_at((promises.member[-1] or {"gate": GATES[0]})["gate"], state)
    if member_at(state) != become:
        raise Broken(Outcome.SHUT, "joined again, it is not whole")
    if key is not None and key_of(state) != key:
        raise Broken(Outcome.LOST, "joined again, it has another key")
    return outcome
