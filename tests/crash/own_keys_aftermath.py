"""What the province finds of its own keys when the power is back: each fits its certificate, and the keyring opens what is sealed to it."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

from aftermath import Broken, Check, Outcome, Promised
from crash_province import NOW_MS, first_keyring_of, layout_of
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from own_keys_scenarios import ANOTHER, EXCHANGED, in_use, renewal

from edge_agent.wire.authority import Power
from edge_agent.wire.keyring import UNDATED, EpochKey, Keyring
from province.base.layout import Layout
from province.keys import officers
from province.keys.day_keys import DayKeys, read_pair
from province.keys.keystore import Keystore
from province.keys.terms import DAY_MS, OFFICERS, Role, file_of
from province.registry import certificates
from province.trust import renewing
from province.trust.keyring_office import KeyringOffice
from province.trust.renewing import Renewal

_LATER_MS = NOW_MS + 10 * DAY_MS


def _held_to(promises: Promised, store: str, name: str, found: str) -> Outcome:
    """What was promised, or while another was being made, that one."""
    first, *more = promises.documents[store, name]
    if first in (None, found):
        return Outcome.BEFORE
    if ANOTHER not in more:
        raise Broken(Outcome.LOST, f"{store} {name} is {found}, promised was {first}")
    return Outcome.AFTER


def _check_fits(layout: Layout, role: Role) -> None:
    if role in OFFICERS:
        officers.load_officer(layout, OFFICERS[role])
        return
    file = file_of(layout, role)
    key = serialization.load_pem_private_key(file.with_suffix(".key").read_bytes(), None)
    if x509.load_pem_x509_certificate(file.read_bytes()).public_key() != key.public_key():
        raise Broken(Outcome.SHUT, f"{role}: the key is not the one that its certificate names")


def check_exchanged(folder: Path, promises: Promised) -> Outcome:
    """One pair or the other; a client's former certificate is on the list once the exchange is done, the one in use never is."""
    layout = layout_of(folder)
    formers = {int(name): allowed for (store, name), allowed in promises.documents.items() if store == "former"}
    x509.load_pem_x509_crl(layout.revocations.read_bytes())  # the broker refuses everybody without it
    listed = certificates.listed(layout)
    if lost := {serial for serial, allowed in formers.items() if allowed == ["shut out"]} - listed:
        raise Broken(Outcome.LOST, f"not on the list of revoked certificates: {lost}")
    renewing.finish_exchanges(layout)
    outcomes = [_held_to(promises, "pair", role, in_use(layout, role)) for role in EXCHANGED]
    for role in EXCHANGED:
        _check_fits(layout, role)
    used = int(in_use(layout, Role.COLLECTOR))
    Renewal(layout, _LATER_MS).renew(Role.REVOCATIONS)
    if used in listed or certificates.listed(layout) != set(formers) - {used}:
        raise Broken(Outcome.SHUT, "the list names a certificate in use, or lacks a former one")
    for role in (Role.COLLECTOR, Role.RECEIPTS):
        renewal(layout, _LATER_MS).renew(role)
        _check_fits(layout, role)
    if used not in certificates.listed(layout):
        raise Broken(Outcome.SHUT, "the collector's former certificate cannot be shut out")
    return Outcome.AFTER if Outcome.AFTER in outcomes else Outcome.BEFORE


def _check_opens(folder: Path, current: Keyring) -> None:
    """There is a private half for every key that scanners seal to."""
    layout = layout_of(folder)
    pairs = [read_pair(file) for file in (layout.undated_key, *folder.glob("undated-*.key")) if file.stat().st_size]
    if current.key_for(None) not in [EpochKey(UNDATED, pair.suite, pair.public) for pair in pairs]:
        raise Broken(Outcome.LOST, "nobody has the private half of the published undated key")
    for key in current.keys:
        kept = None if key.epoch == UNDATED else Keystore(layout.keystore).load(key.epoch)
        if key.epoch != UNDATED and not (isinstance(kept, DayKeys) and kept.public == key):
            raise Broken(Outcome.LOST, f"nobody has the private half of the published key of {key.epoch}")


def check_rotated(folder: Path, promises: Promised) -> Outcome:
    """Whatever is published opens; no counter names two keyrings, on an older keyring put back neither."""
    layout = layout_of(folder)
    counters = {int(name): allowed[-1] for (store, name), allowed in promises.documents.items() if store == "published"}
    last = max(counters, default=0)
    office = KeyringOffice(layout, layout.read_settings(), officers.load_officer(layout, Power.KEYRING))
    current = office.current
    if current.counter < last:
        raise Broken(Outcome.LOST, f"keyring {last} was published, {current.counter} is there")
    if counters.get(current.counter, sha256(office.signed).hexdigest()) != sha256(office.signed).hexdigest():
        raise Broken(Outcome.REUSED, f"there are two keyrings {current.counter}")
    _check_opens(folder, current)
    outcome = _held_to(promises, "undated", "key", current.key_for(None).key_id)
    for backup in (None, first_keyring_of(folder)):
        if backup is not None:
            shutil.copy(backup, layout.keyring)
        last = max(last, office.current.counter)
        office.rotate(current.key_for(None), _LATER_MS)
        if office.current.counter <= last:
            raise Broken(Outcome.REUSED, f"the next keyring is {office.current.counter}")
        _check_opens(folder, office.current)
    return outcome


CHECKS: dict[str, Check] = {
    "key exchange": check_exchanged,
    "keyring rotated": check_rotated,
    "exchanged in place": check_exchanged,
}
