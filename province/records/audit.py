"""The log of every unmasked look: who, when, why, and who looked along; each line names the hash of the one before it.

A line is written, and on the disk, before anything is shown. The table refuses changes, and the newest line's number and hash also lie in
the keystore, which is in no backup, from the founding on: a log cut short, emptied or put back to an older one shows. Whoever may write
both can still write the whole log anew; only a hash noted elsewhere (`gate-province audit verify --expect`) tells of that. The person
looked up stands there as a token of that day, which dies with the day's keys.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import insert, select

from edge_agent.base.process_lock import alone
from edge_agent.wire import cose
from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.fields import Fields
from edge_agent.wire.keyring import day_of
from province.base.errors import ProvinceError
from province.base.files import write_atomically
from province.base.layout import Layout
from province.keys.day_keys import KeyDamaged
from province.keys.identifiers import Identifier, canonical
from province.keys.keystore import AUDIT_HEAD, Absent, Keystore, KeystoreAway
from province.store import database
from province.store.opened import Connection, Row
from province.store.schema import audit as table

LINE = cose.MessageType("application/vnd.gate-scanner.audit-line+cbor", b"gate-scanner/v1/audit-line")
OFFICER_ADDED = "officer-added"
OFFICER_REPLACED = "officer-replaced"  # the key of an officer added before is lost: another one counts from here on
CUT = "audit-cut"  # the log did not reach as far as the keystore says: said for ever, before it goes on
_CONTEXT = b"gate-scanner/v1/audit-chain\0"
_START = bytes(32)
_MOST_BYTES = 4096
_VERSION = 1
MOST_NUMBER = 2**63 - 1  # that a database counts to


class HeadNotNoted(ProvinceError):
    """The line and what was written with it are there for good, but the keystore does not know of it yet; the next line makes up for it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes:
        number: 1, 2, 3 …
        at_ms: milliseconds since 1970 UTC.
        action: what was done, such as `find`.
        officer: who said they did it.
        user: the operating system's user.
        reason: why, in the officer's words.
        subject: the day of the token, and the token of whom it was about; None when about nobody.
        second: the officer who looked along, or None.
        public_key: of the officer, 32 bytes, for `officer-added` and `officer-replaced`.
    """

    number: int
    previous: bytes
    at_ms: int
    action: str
    officer: str
    user: str
    reason: str
    subject: tuple[str, bytes] | None = None
    second: str | None = None
    public_key: bytes | None = None


def _encode(line: Line) -> bytes:
    fields: dict[int, object] = {
        1: _VERSION, 2: line.number, 3: line.previous, 4: line.at_ms, 5: line.action, 6: line.officer, 7: line.user, 8: line.reason,
    }  # fmt: skip
    if line.subject is not None:
        fields |= {9: line.subject[0], 10: line.subject[1]}
    if line.second is not None:
        fields[11] = line.second
    if line.public_key is not None:
        fields[12] = line.public_key
    return encode(fields)


def _decode(data: bytes) -> Line:
    fields = Fields(decode(data, "audit line", _MOST_BYTES), "audit line")
    fields.number(1, "version", _VERSION, _VERSION)
    return Line(
        fields.number(2, "number", 1), fields.octets(3, "previous", 32), fields.number(4, "at_ms"), fields.text(5, "action", 40),
        fields.text(6, "officer", 100), fields.text(7, "user", 100), fields.text(8, "reason", 200),
        (fields.text(9, "day", 10), fields.octets(10, "subject", 32)) if 9 in fields else None,
        fields.optional_text(11, "second", 100), fields.octets(12, "public_key", 32) if 12 in fields else None,
    )  # fmt: skip


def _hash(fields: bytes) -> bytes:
    return sha256(_CONTEXT + fields).digest()


def _head_file(keystore: Keystore) -> Path:
    return keystore.folder / AUDIT_HEAD


def begin(keystore: Keystore) -> None:
    """Notes in a new province's keystore that its log is empty: from then on the head is never missing.

    Raises:
        OSError: it cannot be written.
    """
    _write_head(keystore, 0, _START)


def _write_head(keystore: Keystore, number: int, digest: bytes) -> None:
    write_atomically(_head_file(keystore), json.dumps({"number": number, "hash": digest.hex()}).encode() + b"\n")


def subject(keystore: Keystore, value: str, at_ms: int) -> tuple[str, bytes] | None:
    """The token of an identifier for a line of this day, None when the day has no keys."""
    return _subject_on(keystore, value, day_of(at_ms).isoformat())


def _subject_on(keystore: Keystore, value: str, epoch: str) -> tuple[str, bytes] | None:
    try:
        keys = keystore.load(epoch)
    except KeyDamaged:
        return None
    if isinstance(keys, Absent):
        return None
    return epoch, hmac.digest(keys.token_key, b"audit\0" + canonical(Identifier.PHONE, value).encode(), "sha256")


def append(
    connection: Connection,
    path: Path,
    keystore: Keystore,
    make: Callable[[int, bytes], Line],
    second: Ed25519PrivateKey | None = None,
    also: Callable[[], object] = lambda: None,
) -> Line:
    """Writes a line, on the disk when this returns.

    Args:
        connection: the register.
        path: its file, for messages.
        keystore: keeps the head.
        make: makes the line, given its number and the hash of the line before.
        second: the key of the officer who looks along.
        also: what is written with it or not at all, in the same transaction.

    Raises:
        RegisterBusy, KeystoreAway, OSError: not written; show nothing.
        HeadNotNoted: written, and what goes with it done, but cutting it off would not show: show nothing that it is a look for.
    """
    with alone(Layout(keystore.folder.parent).audit_lock):  # else the older of two heads could be noted last
        line, digest = _append(connection, path, _told_head(keystore), make, second, also)
        try:
            _write_head(keystore, line.number, digest)
        except OSError as error:
            raise HeadNotNoted(
                f"{_head_file(keystore)}: cannot be written ({error.strerror or error}). Line {line.number} of the audit log is entered "
                "all the same, with the change it tells of, if any; a look shows nothing. Make room, or mount the keystore: the next "
                "line makes up for it. Do a look again."
            ) from None
    return line


def _append(
    connection: Connection,
    path: Path,
    told: tuple[int, bytes] | str,
    make: Callable[[int, bytes], Line],
    second: Ed25519PrivateKey | None,
    also: Callable[[], object],
) -> tuple[Line, bytes]:
    with database.transaction(connection, path):
        last = connection.row(select(table.c.number, table.c.hash).order_by(table.c.number.desc()).limit(1))
        number, before = (0, _START) if last is None else (last["number"], last["hash"])
        if isinstance(told, str) or not _has(connection, *told):
            cut = f"the keystore's word of it was {told}" if isinstance(told, str) else f"it had reached line {told[0]}:{told[1].hex()}"
            at_ms = make(number + 1, before).at_ms
            number, before = number + 1, _insert(connection, Line(number + 1, before, at_ms, CUT, "-", "-", cut), None)
        line = make(number + 1, before)
        also()
        return line, _insert(connection, line, second)


def _has(connection: Connection, number: int, digest: bytes) -> bool:
    if number == 0:
        return digest == _START  # before the first line
    return connection.has(select(1).where(table.c.number == number, table.c.hash == digest))


def _insert(connection: Connection, line: Line, second: Ed25519PrivateKey | None) -> bytes:
    fields = _encode(line)
    signature = None if second is None else cose.sign(fields, LINE, second)
    connection.execute(insert(table), {"number": line.number, "fields": fields, "signature": signature, "hash": _hash(fields)})
    return _hash(fields)


def lines(connection: Connection) -> Iterator[Line]:
    """All lines that can be read, oldest first."""
    for row in connection.rows(select(table.c.fields).order_by(table.c.number)):
        yield _decode(row["fields"])


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines that follow each other.

    Attributes:
        first: the number of the first of them; 0 where there are none.
        latest_ms: no line at either end is later; -1 where there are none. Where the clock was set back, one between may be.
        lines: those that name somebody, oldest first.
    """

    first: int
    latest_ms: int
    lines: tuple[Line, ...]


def piece(connection: Connection, below: int, name: str, most: int) -> Piece:
    """The lines before one that name somebody, such as an account: so the newest of a long log are found without reading the rest.

    Args:
        connection: the register.
        below: the number of the line before which they end; `MOST_NUMBER` for the newest.
        name: their name or account, as officer or in the reason.
        most: so many lines are looked at.
    """
    newest = select(table.c.number, table.c.fields).where(table.c.number < below).order_by(table.c.number.desc()).limit(most)
    rows = [(row["number"], bytes(row["fields"])) for row in connection.rows(newest)][::-1]
    if not rows:
        return Piece(0, -1, ())
    ends = (_decode(rows[at][1]).at_ms for at in (0, -1))
    return Piece(rows[0][0], max(ends), tuple(_decode(fields) for _number, fields in rows if name.encode() in fields))


def public_keys(connection: Connection, officer: str) -> list[bytes]:
    """The keys that were entered for an officer who looks along, 32 bytes each, oldest first."""
    named = (line for line in lines(connection) if line.action in {OFFICER_ADDED, OFFICER_REPLACED} and line.second == officer)
    return [line.public_key for line in named if line.public_key is not None]


def about(connection: Connection, keystore: Keystore, value: str) -> list[Line]:
    """The lines about whoever has this identifier, as far as their days still have keys."""
    known: dict[str, bytes] = {}
    for epoch in keystore.epochs():
        if (mark := _subject_on(keystore, value, epoch)) is not None:
            known[epoch] = mark[1]
    return [line for line in lines(connection) if line.subject is not None and known.get(line.subject[0]) == line.subject[1]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the log looks like.

    Attributes:
        count: how many lines there are.
        head: the newest line's hash, 32 bytes.
        problems: what is wrong, empty when nothing is.
    """

    count: int
    head: bytes
    problems: tuple[str, ...]


def verify(connection: Connection, keystore: Keystore, expected: tuple[int, bytes] | None = None) -> Verdict:
    """Checks every line, the second officers' signatures, and that the log reaches as far as the keystore and a note elsewhere say.

    Args:
        connection: the register.
        keystore: has the head.
        expected: number and hash of a line as noted elsewhere.

    Raises:
        KeystoreAway: it cannot be told now.
    """
    problems: list[str] = []
    hashes, officers = [_START], dict[str, Ed25519PublicKey]()
    for row in connection.rows(select(table).order_by(table.c.number)):
        problems += _check_row(row, len(hashes), hashes[-1], officers)
        hashes.append(_hash(row["fields"]))
    count, head = len(hashes) - 1, _told_head(keystore)
    if isinstance(head, str):
        problems.append(
            f"{_head_file(keystore)}: {head}; lines after number {count} may have been cut off with it. The next look says so in the log "
            "for ever and writes it again. A province that an earlier release founded has none before its first look"
        )
    for what, told in (("the keystore", head), ("your note", expected)):
        if isinstance(told, tuple) and (told[0] > count or hashes[told[0]] != told[1]):
            problems.append(f"line {told[0]}: not the one that {what} names; the log was cut, replaced, or restored from a backup")
    return Verdict(count, hashes[-1], tuple(problems))


def _check_row(row: Row, number: int, before: bytes, officers: dict[str, Ed25519PublicKey]) -> list[str]:
    if row["number"] != number:
        return [f"line {number}: missing; the next is {row['number']}"]
    try:
        line = _decode(row["fields"])
        if (line.number, line.previous) != (number, before) or row["hash"] != _hash(row["fields"]):
            return [f"line {number}: changed, or not the one that followed line {number - 1}"]
        if line.action == OFFICER_ADDED and line.second in officers:
            return [f"line {number}: officer {line.second} is added a second time, with another key"]
        if line.action == OFFICER_REPLACED and line.second not in officers:
            return [f"line {number}: officer {line.second} was never added, and cannot be given another key"]
        if line.action in {OFFICER_ADDED, OFFICER_REPLACED} and line.public_key is not None:
            officers[str(line.second)] = Ed25519PublicKey.from_public_bytes(line.public_key)
        if line.second is not None:
            _check_second(row, line.second, officers)
    except (Malformed, cose.Forged, ValueError) as error:
        return [f"line {number}: {error}"]
    return [f"line {number}: the log was cut or put back here: {line.reason}"] if line.action == CUT else []


def _check_second(row: Row, name: str, officers: dict[str, Ed25519PublicKey]) -> None:
    key = officers.get(name)
    if key is None:
        raise cose.Forged(f"officer {name} was never added")
    if cose.verify(row["signature"] or b"", LINE, lambda kid: key if kid == cose.key_id(key) else None, _MOST_BYTES) != row["fields"]:
        raise cose.Forged(f"officer {name} signed another line")


def _told_head(keystore: Keystore) -> tuple[int, bytes] | str:
    """The number and hash of the newest line as the keystore says, or what is wrong with its word.

    Raises:
        KeystoreAway: it cannot be told now; that is no word about the log.
    """
    keystore.check()
    file = _head_file(keystore)
    try:
        told = json.loads(file.read_bytes())
        return int(told["number"]), bytes.fromhex(told["hash"])
    except FileNotFoundError:
        keystore.check()  # taken away just now?
        return "not there"
    except OSError as error:
        raise KeystoreAway(
            f"{file}: cannot be read now ({error.strerror}). Nothing was entered or shown: do it again. If its disk has lost it for good, "
            "move it away: the next look then says for ever that it is not there."
        ) from None
    except (ValueError, KeyError, TypeError):
        return "not readable"
