"""Checks the log of looks as a whole: every line, the second officers' signatures, and that it reaches as far as others say."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select

from edge_agent.wire import cose
from edge_agent.wire.cbor import Malformed
from province.keys.keystore import Keystore
from province.records.audit import CUT, LINE, MOST_BYTES, OFFICER_ADDED, OFFICER_REPLACED, START, decode_line, hash_of, head_file, told_head
from province.store.opened import Connection, Row
from province.store.schema import audit as table


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
    hashes, officers = [START], dict[str, Ed25519PublicKey]()
    for row in connection.rows(select(table).order_by(table.c.number)):
        problems += _check_row(row, len(hashes), hashes[-1], officers)
        hashes.append(hash_of(row["fields"]))
    count, head = len(hashes) - 1, told_head(keystore)
    if isinstance(head, str):
        problems.append(
            f"{head_file(keystore)}: {head}; lines after number {count} may have been cut off with it. The next look says so in the log "
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
        line = decode_line(row["fields"])
        if (line.number, line.previous) != (number, before) or row["hash"] != hash_of(row["fields"]):
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
    if cose.verify(row["signature"] or b"", LINE, lambda kid: key if kid == cose.key_id(key) else None, MOST_BYTES) != row["fields"]:
        raise cose.Forged(f"officer {name} signed another line")
