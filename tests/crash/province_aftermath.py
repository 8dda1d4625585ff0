"""What the province finds when the power is back: its stores opened on what a cut has left, and held to every promise."""

from __future__ import annotations

import shutil
from base64 import b64encode
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import crash_province
from aftermath import Broken, Check, Outcome, Promised
from crash_province import CLOSED, ENTRIES, KEPT, LATER, NOW_MS, grant_of, keys_of, layout_of
from cryptography import x509
from province_scenarios import OFFICER, append_line
from sealed_examples import signing_key

from edge_agent.device.device_keys import DeviceKeys
from edge_agent.wire import joining
from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.keys.keystore import Absent, Keystore
from province.keys.tls_authority import TlsAuthority
from province.records import audit_check, auditors, erasures
from province.registry import certificates, devices, revocations, tickets
from province.store import database
from province.store.opened import Connection


def _held_to(promises: Promised, store: str, name: str, found: object) -> Outcome:
    allowed = promises.documents[store, name]
    if found not in allowed:
        raise Broken(Outcome.LOST, f"{store} {name} is {found}, promised was {allowed[0]}")
    return Outcome.BEFORE if found == allowed[0] else Outcome.AFTER


def _sure(promises: Promised, store: str, name: str) -> bool:
    """Whether what was begun was also promised: it holds on every copy."""
    allowed = promises.documents[store, name]
    return allowed[0] is not None and len(allowed) == 1


def _together(outcomes: list[Outcome]) -> Outcome:
    return Outcome.AFTER if Outcome.AFTER in outcomes else Outcome.BEFORE


def check_days(folder: Path, promises: Promised) -> Outcome:
    """A day has its keys or is destroyed, never only missing; once it is destroyed no file holds its keys."""
    keystore, outcomes = Keystore(layout_of(folder).keystore), []
    for day in (*CLOSED, KEPT):
        keys = keystore.load(day.isoformat())
        if keys is Absent.MISSING:
            raise Broken(Outcome.LOST, f"the keys of {day} are missing, and nothing says that they were destroyed")
        outcomes.append(_held_to(promises, "day", day.isoformat(), "destroyed" if keys is Absent.DESTROYED else None))
        if _sure(promises, "day", day.isoformat()) and _is_anywhere(keystore, crash_province.secret_of(day)):
            raise Broken(Outcome.LOST, f"keys of {day} are still there")
    for epoch in keystore.left_behind():
        keystore.destroy(next(day for day in CLOSED if day.isoformat() == epoch), LATER)
        outcomes.append(Outcome.AFTER)
    for day in CLOSED:
        keystore.destroy(day, LATER)
        if _is_anywhere(keystore, crash_province.secret_of(day)) or keystore.left_behind():
            raise Broken(Outcome.SHUT, f"destroyed again, keys of {day} are still there")
    return _together(outcomes)


def _is_anywhere(keystore: Keystore, secret: bytes) -> bool:
    return any(b64encode(secret) in path.read_bytes() for path in keystore.folder.rglob("*") if path.is_file())


def check_revoked(folder: Path, promises: Promised) -> Outcome:
    """A revoked device stays so, on an older register too, and on the list; one that is not is let in as ever."""
    layout = layout_of(folder)
    authority = TlsAuthority.load(layout.authority_key, layout.authority_certificate)
    x509.load_pem_x509_crl(layout.revocations.read_bytes())  # the broker refuses everybody without it
    listed, outcomes = certificates.listed(layout), []
    for older in (False, True):
        if older:
            _put_back(folder, layout)
        with closing(revocations.connect(layout, NOW_MS)) as connection:
            for number in (1, 2, 3):
                given = {int(one.serial) for one in certificates.given_to(connection, grant_of(number).name)}
                outcomes.append(_held_to(promises, "device", str(number), _revoked(layout, connection, number)))
                if _sure(promises, "device", str(number)) and not given <= listed:
                    raise Broken(Outcome.LOST, f"device {number} is not on the list of revoked certificates")
            revocations.mend_list(layout, connection, authority, NOW_MS)
        if revocations.missing_from_list(layout, Keystore(layout.keystore), NOW_MS):
            raise Broken(Outcome.SHUT, "the list of revoked certificates cannot be mended")
    return _together(outcomes)


def _put_back(folder: Path, layout: Layout) -> None:
    for end in ("-wal", "-shm"):
        layout.register.with_name(layout.register.name + end).unlink(missing_ok=True)
    shutil.copy(crash_province.backup_of(folder), layout.register)


def _revoked(layout: Layout, connection: Connection, number: int) -> str | None:
    device = devices.find(connection, grant_of(number).name)
    if device is None:
        raise Broken(Outcome.LOST, f"device {number} is gone")
    says = device.status == devices.REVOKED, revocations.is_revoked(Keystore(layout.keystore), device.public_key)
    welcome = crash_province.join_by_hand(layout, number).outcome is joining.Outcome.WELCOME
    if says not in ((True, True), (False, False)) or welcome is says[0]:
        raise Broken(Outcome.LOST, f"device {number}: register and keystore say {says}, the door {'welcome' if welcome else 'refused'}")
    return "revoked" if says[0] else None


def check_erased(folder: Path, promises: Promised) -> Outcome:
    """What was erased stays so, on an older register too; nobody else is."""
    layout, outcomes = layout_of(folder), []
    keystore = Keystore(layout.keystore)
    for older in (False, True):
        if older:
            _put_back(folder, layout)
        with closing(erasures.connect(layout, keystore, NOW_MS)) as connection:
            for seq in range(1, ENTRIES + 1):
                row = connection.execute("SELECT * FROM entry WHERE seq = ?", (seq,)).fetchone()
                tokens = connection.execute("SELECT count(*) FROM token WHERE entry_id = ?", (row["id"],)).fetchone()[0]
                left = {row["erased_ms"] is None, row["body"] is not None, tokens > 0}
                if len(left) != 1:
                    raise Broken(Outcome.LOST, f"entry {seq} is erased in part")
                outcomes.append(_held_to(promises, "entry", str(seq), None if left.pop() else "erased"))
    with closing(database.connect(layout.register)) as connection:
        erasures.note(keystore, [connection.execute("SELECT * FROM entry WHERE seq = 1").fetchone()])
        if erasures.reapply(connection, layout.register, keystore, NOW_MS) != 1:
            raise Broken(Outcome.SHUT, "nothing more can be erased")
    return _together(outcomes)


def check_audit(folder: Path, promises: Promised) -> Outcome:
    """The key of who looks along is there, every line that was entered too, and the log is whole; so it is with one line more."""
    layout = layout_of(folder)
    keystore = Keystore(layout.keystore)
    with closing(database.connect(layout.register)) as connection:
        verdict = audit_check.verify(connection, keystore)
        outcomes = [_held_to(promises, "audit", "lines", verdict.count or None), _held_to(promises, "officer", OFFICER, _key_of(layout))]
        append_line(layout, connection)
        after = audit_check.verify(connection, keystore)
    if verdict.problems or after.problems or after.count != verdict.count + 1:
        raise Broken(Outcome.LOST, f"{verdict.problems}, with one line more {after.problems}")
    return _together(outcomes)


def _key_of(layout: Layout) -> str | None:
    file = auditors.path(layout, OFFICER)
    return sha256(file.read_bytes()).hexdigest() if file.exists() else None


def check_members(folder: Path, promises: Promised) -> Outcome:
    """A ticket is used up exactly when its device is a member, whose certificate is known and given again; a thief gets nothing."""
    layout, outcomes = layout_of(folder), []
    with closing(database.connect(layout.register)) as connection:
        for number in (4, 5, 6):
            device = devices.find(connection, grant_of(number).name)
            outcomes.append(_held_to(promises, "device", str(number), None if device is None else "member"))
            given = certificates.given_to(connection, grant_of(number).name)
            newest = None if device is None else certificates.find(connection, device.certificate_serial)
            if not (device is None) is (newest is None) is (not given):
                raise Broken(Outcome.LOST, f"device {number}: its certificates are not known")
            if _sure(promises, "renewed", str(number)) and len(given) != 2:
                raise Broken(Outcome.LOST, f"device {number}: its new certificate is not known")
        if _sure(promises, "ticket", "7"):
            _check_ticket(layout, connection, bytes.fromhex(promises.documents["ticket", "7"][0]))
    for number in (4, 5, 6):
        _check_door(layout, number)
    return _together(outcomes)


def _check_ticket(layout: Layout, connection: Connection, number: bytes) -> None:
    try:
        with database.transaction(connection, layout.register):
            tickets.use(connection, number, bytes(32), NOW_MS)
    except tickets.Useless as error:
        raise Broken(Outcome.LOST, f"the ticket given out: {error}") from None


def _check_door(layout: Layout, number: int) -> None:
    shown = crash_province.ticket_of(layout, number)
    if crash_province.join(layout, keys_of(number), shown).outcome is not joining.Outcome.WELCOME:
        raise Broken(Outcome.SHUT, f"device {number} cannot join with its ticket")
    try:
        thief = crash_province.join(layout, DeviceKeys(signing_key("thief"), keys_of(99).tls), shown)
    except ProvinceError as error:
        raise Broken(Outcome.SHUT, str(error)) from error
    if thief.outcome is not joining.Outcome.REFUSED:
        raise Broken(Outcome.REUSED, f"the ticket of device {number} lets another in")


CHECKS: dict[str, Check] = {
    "day keys destroyed": check_days,
    "revocation": check_revoked,
    "erasure": check_erased,
    "audit log": check_audit,
    "admission": check_members,
    "notes not synced": check_erased,
    "keys only unlinked": check_days,
}
