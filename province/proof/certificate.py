"""Writes the verdict on a scanner's day as one page of text that the province signs, and checks such a page."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from textwrap import wrap

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import func, select

from edge_agent.wire import authority, cose
from edge_agent.wire.authority import Officer, Power
from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.fields import Fields
from edge_agent.wire.topics import DeviceName
from province.base.clock import shown
from province.proof.proving import WORDS, DayVerdict, Finding, Flaw, KnownLog, LogOfDay
from province.records import days, views
from province.store import schema
from province.store.opened import Connection

PROOF = cose.MessageType("application/vnd.gate-scanner.proof+cbor", b"gate-scanner/v1/proof", certified=True)
_MOST_BYTES = 4096
_LOGS_SHOWN, _FINDINGS_SHOWN = 12, 12
_BEGIN, _END = "-----BEGIN GATE-SCANNER SIGNATURE-----", "-----END GATE-SCANNER SIGNATURE-----"
_SIGNED = re.compile(rf"(.*\n){_BEGIN}\n([A-Za-z0-9+/=\n]+){_END}\n", re.DOTALL)
_VERSION = 1


def known_logs(connection: Connection, name: DeviceName) -> list[KnownLog]:
    """All that is known of a scanner's logs, in the order in which they are stored."""
    of_days, sure, spans = days.of_device(connection, name), days.sure_of_device(connection, name), views.spans(connection, name)
    alerts = views.alerts(connection, name)
    table = schema.announced
    told = connection.rows(select(table).where(table.c.org == name.org, table.c.device == name.device).order_by(table.c.seq))
    after = {row["by_log"]: (row["log"], row["seq"]) for row in told}
    return [
        KnownLog(
            log, tuple(spans.get((name, log), ())), tuple(of_days.get(log, ())), tuple(sure.get(log, ())),
            tuple((row["seq"], row["hash"]) for row in told if row["log"] == log), tuple(alert for alert in alerts if alert.log == log),
            after.get(log),
        )
        for log in sorted({*(log for _name, log in spans), *(row["log"] for row in told)})
    ]  # fmt: skip


def fates(connection: Connection, name: DeviceName, day: str) -> dict[str, int]:
    """How many entries of the day are in the register now, by status."""
    table = schema.entry
    of_day = table.c.org == name.org, table.c.device == name.device, table.c.epoch == day
    query = select(table.c.status, func.count().label("entries")).where(*of_day).group_by(table.c.status).order_by(table.c.status)
    return {row["status"]: row["entries"] for row in connection.rows(query)}


def page(province: str, name: DeviceName, verdict: DayVerdict, kept: dict[str, int], *, destroyed: bool, at_ms: int) -> str:
    """The certificate's text."""
    lines = [
        "CERTIFICATE OF A SCANNER'S DAY",
        "",
        f"Province   {province}",
        f"Scanner    {name}",
        f"Day        {verdict.day} (Vietnam time)",
        f"Made       {shown(at_ms)}",
        "",
        _conclusion(verdict),
        "",
        f"{verdict.entries} entries of this day have come. {_bodies(kept, destroyed=destroyed)}",
        "",
    ]
    for log in verdict.logs[:_LOGS_SHOWN]:
        lines += [*_log_lines(log), ""]
    if len(verdict.logs) > _LOGS_SHOWN:
        lines += [f"… and {len(verdict.logs) - _LOGS_SHOWN} more logs", ""]
    lines += [
        "Every entry is numbered within its log, signed by the scanner, and names the SHA-256 of the entry before it. The register's",
        "ledger holds where these links are whole; it is kept when the entries themselves are destroyed.",
        "",
    ]
    return "\n".join(lines)


def _conclusion(verdict: DayVerdict) -> str:
    flaws = {finding.flaw for log in verdict.logs for finding in log.findings}
    if verdict.whole and not verdict.entries and not verdict.dayless:
        return "COMPLETE: the scanner recorded nothing on this day, and what came before and after is linked."
    if verdict.whole:
        return "COMPLETE: nothing is missing from this day, nothing was changed, and later entries confirm its end."
    if flaws - {Flaw.OPEN_END}:
        return "NOT COMPLETE: see the findings."
    if flaws and verdict.entries:
        return "COMPLETE SO FAR: nothing is missing from what has come, but nothing later confirms yet where the day ended."
    return f"NOT PROVED: {_unproved(verdict, flaws)}."


def _unproved(verdict: DayVerdict, flaws: set[Flaw]) -> str:
    if not verdict.known:
        return "nothing of this scanner has come"
    if flaws:
        return "nothing that is known to be of this day has come, and nothing later confirms that there was nothing"
    return "nothing has come that a clock set by the network dates to this day or to one before it"


def _bodies(kept: dict[str, int], *, destroyed: bool) -> str:
    if destroyed:
        return "The day's keys are destroyed: nobody can read them any more."
    if not kept:
        return "None of them is in the register now."
    return "In the register now: " + ", ".join(f"{count} {status}" for status, count in kept.items()) + "."


def _log_lines(log: LogOfDay) -> list[str]:
    lines = [f"Log {log.log.hex()}"]
    if log.first is not None:
        lines.append(f"  numbers {log.first} to {log.last}, {log.entries} entries known to be of this day")
    lines.append(f"  judged: numbers {log.between[0]} to {log.between[1]}, and the links into and out of them")
    if log.dayless:
        lines.append(f"  among them {log.dayless} entries whose day is not known for sure: made before the network had set the clock")
    if log.head is not None:
        lines.append(f"  linked up to number {log.head[0]}, {log.head[1].hex()}")
    lines += [f"  {_finding(one)}" for one in log.findings[:_FINDINGS_SHOWN]] or ["  whole"]
    if len(log.findings) > _FINDINGS_SHOWN:
        lines.append(f"  … and {len(log.findings) - _FINDINGS_SHOWN} more findings")
    return lines


def _finding(finding: Finding) -> str:
    numbers = str(finding.first) if finding.first == finding.last else f"{finding.first} to {finding.last}"
    return f"{finding.flaw}: number {numbers} {WORDS[finding.flaw]}"


def signed(text: str, officer: Officer) -> str:
    """The page with its signature beneath."""
    message = officer.sign(encode({1: _VERSION, 2: sha256(text.encode()).digest()}), PROOF)
    return "\n".join([text.removesuffix("\n"), _BEGIN, *wrap(b64encode(message).decode(), 100), _END, ""])


def check(content: str, root: Ed25519PublicKey) -> str:
    """The text of a signed page.

    Raises:
        Malformed: not a signed page.
        cose.Forged: not signed under this root, or changed since.
    """
    match = _SIGNED.fullmatch(content)
    if match is None:
        raise Malformed("not a signed page")
    try:
        message = b64decode(match[2].replace("\n", ""), validate=True)
    except ValueError:
        raise Malformed("the signature is not whole") from None
    payload = authority.verify(message, PROOF, Power.RECEIPTS, root, _MOST_BYTES)
    fields = Fields(decode(payload, "proof", _MOST_BYTES), "proof")
    fields.number(1, "version", _VERSION, _VERSION)
    if fields.octets(2, "sha256", 32) != sha256(match[1].encode()).digest():
        raise cose.Forged("the text was changed after it was signed")
    return match[1]
