"""Gives somebody a desk for one organisation's scanners, other keys for it, or takes it away. Source: decision 0092.

The keys are made here and lie in the desk's folder alone. The record comes first: keys that nobody knows of could never be revoked.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.base.disk import sync_folder
from edge_agent.base.process_lock import alone
from edge_agent.wire import cose
from edge_agent.wire.authority import Power
from edge_agent.wire.command import POWERS
from edge_agent.wire.topics import PROVINCE, is_name
from province.base.errors import AlreadyThere, NotAProvince, ProvinceError
from province.base.files import PUBLIC, make_folder, write_atomically
from province.base.layout import Layout
from province.commands import desk
from province.keys import officers
from province.keys.keystore import Keystore
from province.keys.terms import DAY_MS
from province.registry import certificates, revocations
from province.store import database
from province.store.opened import Connection
from province.trust import broker_config, operator_records, renewing, revoking
from province.trust.keyring_office import KeyringOffice
from province.trust.operator_records import Key, Operator
from province.trust.revoking import Broker


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody gets.

    Attributes:
        name: the operator's.
        org: whose scanners.
        powers: what for.
        life: how long keys and certificate hold.
        folder: where the desk goes; must not exist.
    """

    name: str
    org: str
    powers: Sequence[Power]
    life: timedelta
    folder: Path


def add(layout: Layout, grant: Grant, root: Ed25519PrivateKey, now_ms: int) -> Operator:
    """Makes a new operator's desk. The broker must then read its rules.

    Raises:
        AlreadyThere: there is one of this name, or the folder exists.
        NotAProvince: no such organisation, power or name.
        ProvinceError: it cannot be written.
    """
    if not is_name(grant.org) or grant.org == PROVINCE:
        raise NotAProvince(f"--org {grant.org}: not an organisation's name. `gate-province device list` shows them.")
    with alone(layout.operators_lock):
        if any(one.name == grant.name for one in operator_records.every(layout)):
            raise AlreadyThere(f"{grant.name}: is or was an operator. Other keys: gate-province operator renew; or choose another name.")
        return _make(layout, grant, root, now_ms)


def renew(layout: Layout, grant: Grant, root: Ed25519PrivateKey, now_ms: int) -> Operator:
    """Makes other keys for an operator: those before count no more, nor does their certificate. The broker must then read rules and list.

    Raises:
        NotAProvince: there is none of this name, or the powers are none.
        AlreadyThere: the folder exists.
        ProvinceError: it cannot be written.
    """
    with alone(layout.operators_lock):
        before = operator_records.find(layout, grant.name)
        _check(grant)
        _shut_out(layout, before.keys, now_ms)  # first: afterwards nobody would know of them any more
        made = _make(layout, grant, root, now_ms)
        with closing(revocations.connect(layout, now_ms)) as connection:
            _revoke_certificates(layout, connection, before, now_ms, but=desk.certificate(grant.folder))
            certificates.write_list(layout, connection, renewing.load_authority(layout), now_ms)
    return made


def _check(grant: Grant) -> None:
    if grant.folder.exists():
        raise AlreadyThere(f"{grant.folder}: exists already; a desk is never overwritten. Choose another folder.")
    if not grant.powers or set(grant.powers) - set(POWERS):
        raise NotAProvince(f"--power: name some of {', '.join(POWERS)}.")
    operator_records.checked(Operator(grant.name, grant.org, (), 0))


def _make(layout: Layout, grant: Grant, root: Ed25519PrivateKey, now_ms: int) -> Operator:
    _check(grant)
    try:
        making = Path(tempfile.mkdtemp(prefix=f".{grant.folder.name}.", dir=grant.folder.parent))
        its = Layout(making)
        for folder in (its.officers, its.authority, its.commander, its.commands):
            make_folder(folder)
        until_ms = now_ms + int(grant.life.total_seconds() * 1000)
        made = [
            (power, officers.appoint(its, power, root, now_ms - DAY_MS, until_ms, grant.org)) for power in POWERS if power in grant.powers
        ]
        keys = tuple(Key(power, cose.key_id(officer.key.public_key()).hex(), until_ms) for power, officer in made)
        operator = Operator(grant.name, grant.org, keys, now_ms)
        _certify(layout, its, operator, grant.life, now_ms)
        desk.furnish(layout, its, operator)
        operator_records.write(layout, operator)
        write_rules(layout)
        making.replace(grant.folder)
        sync_folder(grant.folder.parent)
    except OSError as error:
        raise ProvinceError(
            f"{error.filename or grant.folder}: cannot be written ({error.strerror}). Check the disk and the rights."
        ) from None
    return operator


def _certify(layout: Layout, its: Layout, operator: Operator, life: timedelta, now_ms: int) -> None:
    made = renewing.load_authority(layout).client(operator.user, datetime.fromtimestamp(now_ms / 1000, UTC), life)
    write_atomically(its.commander / "client.key", made.key_pem)
    write_atomically(its.commander / "client.crt", made.certificate_pem, PUBLIC)
    with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
        certificates.note_own(connection, x509.load_pem_x509_certificate(made.certificate_pem))


def write_rules(layout: Layout) -> None:
    """Writes the broker's access rules for those who may come in now.

    Raises:
        OSError: they cannot be written.
    """
    write_atomically(layout.broker_rules, broker_config.rules(operator_records.active(layout)).encode())


def revoke(layout: Layout, name: str, broker: Broker, now_ms: int) -> Operator:
    """Takes an operator's desk away, for good: scanners obey its keys no more, the broker lets it in no more, its session is ended.

    In this order, so that each step holds even when the next one fails: the keystore, the keyring (which a running collector publishes),
    the record, the broker's rules, the list of revoked certificates, the broker's reading of both, the open session. Doing it again is
    harmless.

    Raises:
        NotAProvince: there is none of this name.
        KeystoreAway: nothing was done.
        StillOpen: its keys count no more; the broker was not reached or did not read it.
        ProvinceError: something cannot be written; do it again.
    """
    with alone(layout.operators_lock):
        before = operator_records.find(layout, name)
        try:
            _shut_out(layout, before.keys, now_ms)
            revoked_ms = now_ms if before.revoked_ms is None else before.revoked_ms
            after = Operator(before.name, before.org, before.keys, before.since_ms, revoked_ms)
            operator_records.write(layout, after)
            write_rules(layout)
        except OSError as error:
            raise ProvinceError(
                f"{error.filename or layout.root}: cannot be written ({error.strerror}). Make room, and do it again."
            ) from None
        with closing(revocations.connect(layout, now_ms)) as connection:
            _revoke_certificates(layout, connection, before, now_ms)
            probe, successor = revoking.write_list(layout, connection, before.user, now_ms)
    revoking.end_session(layout, before.user, broker, probe, successor)
    return after


def _shut_out(layout: Layout, keys: tuple[Key, ...], now_ms: int) -> None:
    operator_records.note_shut_out(Keystore(layout.keystore), keys)
    KeyringOffice(layout, layout.read_settings(), officers.load_officer(layout, Power.KEYRING)).extend(now_ms)


def _revoke_certificates(
    layout: Layout, connection: Connection, operator: Operator, now_ms: int, but: x509.Certificate | None = None
) -> None:
    with database.transaction(connection, layout.register):
        certificates.revoke_own(connection, operator.user, now_ms, None if but is None else str(but.serial_number))


def roster(layout: Layout, org: str, now_ms: int) -> bytes:
    """The list of an organisation's scanners that a desk needs: `scanners.json` in it.

    Raises:
        As `revocations.connect`.
    """
    with closing(revocations.connect(layout, now_ms)) as connection:
        return desk.listed(connection, org)
