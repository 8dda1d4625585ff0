"""Tells alerts on: a signed POST to a webhook, an e-mail. What they carry is what the page shows of an alert, and nobody's data.

Source: the Standard Webhooks specification 1.0 (headers, HMAC-SHA256 over "id.timestamp.body"); RFC 8314 and RFC 3207 (mail over TLS).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import logging
import smtplib
import ssl
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from urllib.parse import urlsplit

from edge_agent.base.trouble import where
from province.base.clock import now_ms, shown
from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.fleet.notice_settings import Mail, Sink, Webhook
from province.fleet.notices import GIVE_UP_MS, OVER, Batch, Notices
from province.fleet.sight import Sight
from province.fleet.words import WORDS

_log = logging.getLogger(__name__)
_TIMEOUT_S = 15.0
_EACH_S = 5.0


class NotDelivered(Exception):
    """It did not arrive; the text says why, and names no secret."""


def send(batch: Batch, at_ms: int) -> None:
    """Tells a batch.

    Raises:
        NotDelivered: it did not arrive.
    """
    try:
        if isinstance(batch.sink, Webhook):
            _post(batch.sink, body_of(batch), at_ms)
        elif isinstance(batch.sink, Mail):
            _mail(batch.sink, batch, at_ms)
    except (OSError, http.client.HTTPException, smtplib.SMTPException, ssl.SSLError) as error:
        raise NotDelivered(
            f"{type(error).__name__}{f': {error.strerror}' if isinstance(error, OSError) and error.strerror else ''}"
        ) from None


def body_of(batch: Batch) -> bytes:
    """A webhook's JSON."""
    alerts = [
        {
            "what": notice.what, "org": notice.alert.name.org, "device": notice.alert.name.device, "trouble": str(notice.alert.trouble),
            "words": notice.alert.words, "raised_ms": notice.alert.raised_ms, "ended_ms": notice.alert.ended_ms,
            "acknowledged_by": notice.alert.acknowledged_by,
        }
        for notice in batch.notices
    ]  # fmt: skip
    return json.dumps({"type": "fleet.alerts", "alerts": alerts}, ensure_ascii=False).encode()


def signature(secret: bytes, message_id: str, at_s: int, body: bytes) -> str:
    """What the header `webhook-signature` carries.

    Example:
        >>> signature(b"a secret", "msg_1", 1_760_000_000, b"{}")
        'v1,xCOmlphALeX+kGiuw1TrR6p7kCjavDknbblNj/f7RZ0='
    """
    made = hmac.new(secret, f"{message_id}.{at_s}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(made).decode()}"


def _post(sink: Webhook, body: bytes, at_ms: int) -> None:
    parts = urlsplit(sink.url)
    message_id, at_s = (
        f"msg_{hashlib.sha256(body).hexdigest()[:24]}",
        at_ms // 1000,
    )  # the same content, the same id: told twice, it is seen
    headers = {
        "content-type": "application/json", "user-agent": "gate-province", "webhook-id": message_id, "webhook-timestamp": str(at_s),
        "webhook-signature": signature(sink.secret, message_id, at_s, body),
    }  # fmt: skip
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=None if sink.ca_file is None else str(sink.ca_file))
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
        status = connection.getresponse().status  # a redirect is not followed: it could leave HTTPS
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise NotDelivered(f"answered {status}")


def _mail(sink: Mail, batch: Batch, at_ms: int) -> None:
    with connected(sink) as server:
        server.send_message(letter(sink, batch, at_ms))


def connected(sink: Mail) -> smtplib.SMTP:
    """A mail server that takes letters of ours now.

    Raises:
        OSError, smtplib.SMTPException: it does not.
    """
    context = ssl.create_default_context(cafile=None if sink.ca_file is None else str(sink.ca_file))
    made: smtplib.SMTP = (
        smtplib.SMTP_SSL(sink.server, sink.port, timeout=_TIMEOUT_S, context=context)
        if sink.security == "tls"
        else smtplib.SMTP(sink.server, sink.port, timeout=_TIMEOUT_S)
    )
    try:
        if sink.security == "starttls":
            made.starttls(context=context)  # raises where the server has none: nothing goes in the clear
        if sink.user:
            made.login(sink.user, sink.password)
    except BaseException:
        made.close()
        raise
    return made


def letter(sink: Mail, batch: Batch, at_ms: int) -> EmailMessage:
    """The e-mail, in the sink's language."""
    words = WORDS[sink.language]
    raised = sum(notice.what != OVER for notice in batch.notices)
    made = EmailMessage()
    made["From"], made["To"] = sink.sender, ", ".join(sink.to)
    made["Subject"] = f"[gate-scanner] {words.say('mail.subject', raised=raised, over=len(batch.notices) - raised)}"
    made["Date"] = format_datetime(datetime.fromtimestamp(at_ms / 1000, UTC))
    made["Message-ID"] = make_msgid(domain=sink.sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
    lines = []
    for notice in batch.notices:
        alert = notice.alert
        mark = "✓" if notice.what == OVER else "▲"
        span = shown(alert.raised_ms) + (f" – {shown(alert.ended_ms)}" if notice.what == OVER else "")
        lines.append(f"{mark} {alert.name}  {words.say(f'trouble.{alert.trouble}')}: {words.of_trouble(alert.words)}  ({span})")
    made.set_content("\n".join(lines) + "\n")
    return made


class Teller:
    """Tells every alert on, in a thread of its own.

    Args:
        layout: the province.
        sight: where alerts are read.
        sinks: who is told.
        deliver: tells a batch; raises NotDelivered, whose text is logged.
    """

    def __init__(self, layout: Layout, sight: Sight, sinks: Sequence[Sink], deliver: Callable[[Batch, int], None] = send) -> None:
        self._layout, self._sight, self._sinks, self._deliver = layout, sight, sinks, deliver
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="teller", daemon=True)

    def start(self) -> None:
        """Begins; returns at once."""
        if self._sinks:
            self._thread.start()

    def stop(self) -> None:
        """Ends it; what was not told is told after the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_TIMEOUT_S)

    def _run(self) -> None:
        try:
            with Notices(self._layout.fleet_notices.with_suffix(".sqlite")) as notices:
                while not self._stopping.wait(_EACH_S):
                    self._once(notices)
        except ProvinceError as error:
            _log.error("alerts are not told on: %s", error)

    def _once(self, notices: Notices) -> None:
        try:
            self.round(notices, now_ms())
        except Exception as error:  # noqa: BLE001 - whatever it is, the next alert is tried
            _log.error("telling alerts: unexpected %s; tried again", where(error, 3))

    def round(self, notices: Notices, at_ms: int) -> None:
        """Tells what is due; what a place raises, whatever it is, counts as not delivered to that place alone."""
        alerts = self._sight.ask(lambda store: store.alerts(None, also_ended=True, ended_since_ms=at_ms - GIVE_UP_MS))
        for batch in notices.due(self._sinks, alerts, at_ms):
            try:
                self._deliver(batch, at_ms)
            except Exception as error:  # noqa: BLE001 - whatever one place raises, those behind it are told
                why = str(error) if isinstance(error, NotDelivered) else f"unexpected {where(error, 3)}"
                lost = notices.failed(batch, at_ms)
                if batch.tries in {0, 5} or lost:
                    _log.warning("%s: not told (%s); %s", batch.sink.name, why, f"{lost} given up after a day" if lost else "tried again")
            else:
                notices.delivered(batch)
                _log.info("%s: told of %d alerts", batch.sink.name, len(batch.notices))
