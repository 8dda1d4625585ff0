"""Sends reports by e-mail: tried until a server takes one, and never sent twice.

Before a letter's text is handed over this is noted; where the answer is lost then (the line breaks, the power goes) nobody can tell
whether it was taken. Such a letter is not sent again by itself: `gate-province report list` says so, `report send` sends it.
Source: RFC 5321 section 4.1.1.4 (DATA, and who is responsible from when on); RFC 5322 for the letter.
"""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from sqlalchemy import ColumnElement, and_, select, update

from province.fleet.notice_settings import Mail
from province.fleet.senders import NotDelivered, connected
from province.reports.form import Document
from province.reports.shelf import Kind, Which
from province.reports.wording import shown
from province.store import database
from province.store.opened import Connection
from province.store.report_tables import report, report_post

FIRST_WAIT_MS, LONGEST_WAIT_MS = 60_000, 1_800_000
GIVE_UP_MS = 3 * 86_400_000
_OK, _MORE = 250, 354


class Unsure(Exception):
    """Nobody can tell whether the letter was taken."""


@dataclass(frozen=True, slots=True)
class Post:
    """A report that is to go to somebody."""

    which: Which
    addressee: str
    tries: int
    made_ms: int
    due_ms: int


def waiting(connection: Connection, now_ms: int) -> list[Post]:
    """What is to be sent now, what was made first first."""
    return _posts(connection, report_post.c.trying_ms.is_(None), report_post.c.next_ms <= now_ms, report.c.made_ms > now_ms - GIVE_UP_MS)


def unsent(connection: Connection, now_ms: int) -> list[Post]:
    """What no server has taken for sure, of the last days."""
    return _posts(connection, report_post.c.sent_ms.is_(None), report.c.made_ms > now_ms - GIVE_UP_MS)


def _posts(connection: Connection, *wanted: ColumnElement[bool]) -> list[Post]:
    key = ("kind", "subject", "day")
    query = select(report_post, report.c.made_ms, report.c.due_ms).join(
        report, and_(*(report.c[name] == report_post.c[name] for name in key))
    )
    return [
        Post(
            Which(Kind(row["kind"]), row["subject"], date.fromisoformat(row["day"])), row["addressee"], row["tries"], row["made_ms"],
            row["due_ms"],
        )
        for row in connection.rows(query.where(*wanted).order_by(report.c.made_ms, report_post.c.subject, report_post.c.addressee))
    ]  # fmt: skip


def try_now(connection: Connection, path: Path, post: Post, now_ms: int) -> bool:
    """Notes that a letter is being handed over, on the disk when this returns; False where somebody else does so."""
    with database.transaction(connection, path):
        changing = update(report_post).where(*_is(post), report_post.c.trying_ms.is_(None)).values(trying_ms=now_ms)
        return connection.execute(changing).rowcount == 1


def sent(connection: Connection, path: Path, post: Post, now_ms: int) -> None:
    """Notes that a server has taken it."""
    with database.transaction(connection, path):
        connection.execute(update(report_post).where(*_is(post)).values(sent_ms=now_ms, tries=post.tries + 1))


def not_sent(connection: Connection, path: Path, post: Post, now_ms: int) -> None:
    """Notes that no server has taken it; it is tried again, with waits that double from a minute to half an hour."""
    wait_ms = min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** min(post.tries, 10))
    with database.transaction(connection, path):
        again = {"trying_ms": None, "tries": post.tries + 1, "next_ms": now_ms + wait_ms}
        connection.execute(update(report_post).where(*_is(post)).values(again))


def send_again(connection: Connection, path: Path, which: Which, now_ms: int) -> int:
    """Lets a report be sent that was not, or of which nobody knows; says to how many. What was taken is not sent again."""
    of_report = report_post.c.kind == str(which.kind), report_post.c.subject == which.subject, report_post.c.day == which.day.isoformat()
    with database.transaction(connection, path):
        changing = update(report_post).where(*of_report, report_post.c.sent_ms.is_(None)).values(trying_ms=None, next_ms=now_ms)
        return connection.execute(changing).rowcount


def _is(post: Post) -> tuple[ColumnElement[bool], ...]:
    key = {"kind": str(post.which.kind), "subject": post.which.subject, "day": post.which.day.isoformat(), "addressee": post.addressee}
    return tuple(report_post.c[name] == value for name, value in key.items())


def letter(mail: Mail, post: Post, document: Document, now_ms: int) -> EmailMessage:
    """The e-mail with the report as a document and as a spreadsheet; the same report to the same addressee has the same number."""
    # openpyxl loads numpy, whose threads must not begin before the service has said who hears its signals
    from province.reports import as_docx, as_xlsx  # noqa: PLC0415

    made = EmailMessage()
    made["From"], made["To"] = mail.sender, ", ".join(mail.to)
    late = " (gửi muộn)" if now_ms > post.due_ms else ""
    title = f"{document.sheet}{f' – {post.which.subject}' if post.which.subject else ''}"
    made["Subject"] = f"[gate-scanner] {title} – số liệu đến 24h00 ngày {shown(post.which.day)}{late}"
    made["Date"] = format_datetime(datetime.fromtimestamp(now_ms / 1000, UTC))
    number = ".".join((document.name, f"{post.made_ms:x}", post.addressee.encode().hex()))
    made["Message-ID"] = f"<{number}@{mail.sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
    made.set_content(
        f"Gửi kèm: {title}, số liệu tính đến 24h00 ngày {shown(post.which.day)}.\n"
        "Người lập biểu và số điện thoại để trống, xin điền khi ký.\n"
    )
    for suffix, writing in (("docx", as_docx), ("xlsx", as_xlsx)):
        kind, subkind = writing.MEDIA_TYPE.split("/")
        made.add_attachment(writing.write(document, post.made_ms), kind, subkind, filename=f"{document.name}.{suffix}")
    return made


def hand_over(mail: Mail, made: EmailMessage) -> int:
    """Gives a letter to the server; returns how many addresses it refused, of several.

    Raises:
        NotDelivered: it has not taken it.
        Unsure: its answer is lost.
    """
    try:
        server = connected(mail)
    except (OSError, smtplib.SMTPException, ssl.SSLError) as error:
        raise NotDelivered(_said(error)) from None
    try:
        refused = _begin(server, mail)
        try:
            code, _answer = server.data(made.as_bytes(policy=SMTP))
        except smtplib.SMTPDataError as error:  # before any of it was sent
            raise NotDelivered(_said(error)) from None
        except (OSError, smtplib.SMTPException) as error:
            raise Unsure(_said(error)) from None
        if code != _OK:
            raise NotDelivered(f"answered {code}")
        return refused
    finally:
        with suppress(OSError, smtplib.SMTPException):
            server.quit()


def _begin(server: smtplib.SMTP, mail: Mail) -> int:
    try:
        server.ehlo_or_helo_if_needed()
        code, _answer = server.mail(mail.sender)
        refused = [code for code, _answer in (server.rcpt(one) for one in mail.to) if code not in {250, 251}] if code == _OK else []
    except (OSError, smtplib.SMTPException) as error:
        raise NotDelivered(_said(error)) from None
    if code != _OK or len(refused) == len(mail.to):
        raise NotDelivered(f"answered {code if code != _OK else refused[0]}")
    return len(refused)


def _said(error: Exception) -> str:
    """What happened, without what a server may have quoted."""
    code = f" {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else ""
    why = f": {error.strerror}" if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException) and error.strerror else ""
    return f"{type(error).__name__}{code}{why}"
