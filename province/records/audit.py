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

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, select

from edge_agent.base.process_lock import alone
from edge_agent.wire import cose
from edge_agent.wire.cbor import decode, encode
from edge_agent.wire.fields import Fields
from edge_agent.wire.keyring import day_of
from province.base.errors import ProvinceError
from province.base.files import write_atomically
from province.base.layout import Layout
from province.keys.day_keys import KeyDamaged
from province.keys.identifiers import Identifier, canonical
from province.keys.keystore import AUDIT_HEAD, Absent, Keystore, KeystoreAway
from province.store import database
from province.store.opened import Connection
from province.store.schema import audit as table

LINE = cose.MessageType("application/vnd.gate-scanner.audit-line+cbor", b"gate-scanner/v1/audit-line")
OFFICER_ADDED = "officer-added"
OFFICER_REPLACED = "officer-replaced"  # the key of an officer added before is lost: another one counts from here on
CUT = "audit-cut"  # the log did not reach as far as the keystore says: said for ever, before it goes on
_CONTEXT = b"gate-scanner/v1/audit-chain\0"
START = bytes(32)
MOST_BYTES = 4096
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


def decode_line(data: bytes) -> Line:
    """A line from its fields.

    Raises:
        Malformed: they are none.
    """
    fields = Fields(decode(data, "audit line", MOST_BYTES), "audit line")
    fields.number(1, "version", _VERSION, _VERSION)
    return Line(
        fields.number(2, "number", 1), fields.octets(3, "previous", 32), fields.number(4, "at_ms"), fields.text(5, "action", 40),
        fields.text(6, "officer", 100), fields.text(7, "user", 100), fields.text(8, "reason", 200),
        (fields.text(9, "day", 10), fields.octets(10, "subject", 32)) if 9 in fields else None,
        fields.optional_text(11, "second", 100), fields.octets(12, "public_key", 32) if 12 in fields else None,
    )  # fmt: skip


def hash_of(fields: bytes) -> bytes:
    """The 32 bytes by which the next line names this one."""
    return sha256(_CONTEXT + fields).digest()


def head_file(keystore: Keystore) -> Path:
    """Where the keystore says how far the log reaches."""
    return keystore.folder / AUDIT_HEAD


def begin(keystore: Keystore) -> None:
    """Notes in a new province's keystore that its log is empty: from then on the head is never missing.

    Raises:
        OSError: it cannot be written.
    """
    _write_head(keystore, 0, START)


def _write_head(keystore: Keystore, number: int, digest: bytes) -> None:
    write_atomically(head_file(keystore), json.dumps({"number": number, "hash": digest.hex()}).encode() + b"\n")


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
        line, digest = _append(connection, path, told_head(keystore), make, second, also)
        try:
            _write_head(keystore, line.number, digest)
        except OSError as error:
            raise HeadNotNoted(
                f"{head_file(keystore)}: cannot be written ({error.strerror or error}). Line {line.number} of the audit log is entered "
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
        number, before = (0, START) if last is None else (last["number"], last["hash"])
        if isinstance(told, str) or not _has(connection, *told):
            cut = f"the keystore's word of it was {told}" if isinstance(told, str) else f"it had reached line {told[0]}:{told[1].hex()}"
            at_ms = make(number + 1, before).at_ms
            number, before = number + 1, _insert(connection, Line(number + 1, before, at_ms, CUT, "-", "-", cut), None)
        line = make(number + 1, before)
        also()
        return line, _insert(connection, line, second)


def _has(connection: Connection, number: int, digest: bytes) -> bool:
    if number == 0:
        return digest == START  # before the first line
    return connection.has(select(1).where(table.c.number == number, table.c.hash == digest))


def _insert(connection: Connection, line: Line, second: Ed25519PrivateKey | None) -> bytes:
    fields = _encode(line)
    signature = None if second is None else cose.sign(fields, LINE, second)
    connection.execute(insert(table), {"number": line.number, "fields": fields, "signature": signature, "hash": hash_of(fields)})
    return hash_of(fields)


def lines(connection: Connection) -> Iterator[Line]:
    """All lines that can be read, oldest first."""
    for row in connection.rows(select(table.c.fields).order_by(table.c.number)):
        yield decode_line(row["fields"])


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
    ends = (decode_line(rows[at][1]).at_ms for at in (0, -1))
    return Piece(rows[0][0], max(ends), tuple(decode_line(fields) for _number, fields in rows if name.encode() in fields))


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


def told_head(keystore: Keystore) -> tuple[int, bytes] | str:
    """The number and hash of the newest line as the keystore says, or what is wrong with its word.

    Raises:
        KeystoreAway: it cannot be told now; that is no word about the log.
    """
    keystore.check()
    file = head_file(keystore)
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
