"""Alerts told on: what the settings refuse, what is remembered, and that it arrives signed at a real HTTPS and a real SMTP server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from province_world import founded, free_port

from edge_agent.wire.topics import DeviceName
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.fleet import notice_settings
from province.fleet.notice_settings import Mail, Sink, Webhook
from province.fleet.notices import GIVE_UP_MS, Batch, Notice, Notices
from province.fleet.senders import NotDelivered, send
from province.trust import renewing
from province.watch.fleet_rules import Trouble
from province.watch.fleet_store import FleetAlert

NOW_MS = 1_766_282_400_000
SECRET = b"0123456789abcdef0123456789abcdef"
ALERT = FleetAlert(1, DeviceName("bus-co", "xe-1"), Trouble.HEAT, "83 °C", NOW_MS - 120_000, None, None, None, None)
SINK = Webhook("cầu nối", None, frozenset(Trouble), 60, True, "https://127.0.0.1/", SECRET)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return founded(tmp_path_factory.mktemp("notices") / "province")


def server_context(layout: Layout, folder: Path) -> ssl.SSLContext:
    made = renewing.load_authority(layout).server(("127.0.0.1", "localhost"), datetime.now(UTC), timedelta(days=1))
    (folder / "s.pem").write_bytes(made.key_pem + made.certificate_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "s.pem")
    return context


@contextmanager
def receiving(context: ssl.SSLContext | None, status: int = 204) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """An HTTP server that keeps what it is sent, and answers so."""
    came: list[tuple[dict[str, str], bytes]] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(
                ({name.lower(): value for name, value in self.headers.items()}, self.rfile.read(int(self.headers["content-length"])))
            )
            self.send_response(status)
            self.send_header("location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"{'http' if context is None else 'https'}://127.0.0.1:{server.server_port}/alerts?to=desk", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def batch(sink: Sink, *what: str) -> Batch:
    return Batch(sink, [Notice(ALERT, each) for each in what], 0)


def test_a_webhook_is_signed_as_the_standard_says(layout: Layout, tmp_path: Path) -> None:
    with receiving(server_context(layout, tmp_path)) as (url, came):
        send(batch(replace(SINK, url=url, ca_file=layout.authority_certificate), "raised"), NOW_MS)
    ((headers, body),) = came
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256)).decode()
    assert headers["webhook-timestamp"] == str(NOW_MS // 1000)
    (alert,) = json.loads(body)["alerts"]
    assert (alert["what"], alert["device"], alert["trouble"], alert["words"]) == ("raised", "xe-1", "heat", "83 °C")


@pytest.mark.parametrize("status", [302, 404, 500])
def test_whatever_is_no_yes_is_no_and_no_redirect_is_followed(status: int) -> None:
    with receiving(None, status) as (url, came), pytest.raises(NotDelivered, match=str(status)):
        send(batch(replace(SINK, url=url), "raised"), NOW_MS)
    assert len(came) == 1


def test_a_webhook_of_another_authority_gets_nothing(layout: Layout, tmp_path: Path) -> None:
    with receiving(server_context(layout, tmp_path)) as (url, came):
        with pytest.raises(NotDelivered, match="ertificat"):
            send(batch(replace(SINK, url=url), "raised"), NOW_MS)
        assert came == []


class Letters:
    def __init__(self) -> None:
        self.came: list[tuple[list[str], bytes, bool]] = []

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.came.append((envelope.rcpt_tos, envelope.content, session.ssl is not None))
        return "250 ok"


def test_an_email_goes_over_tls_with_its_password_in_vietnamese(layout: Layout, tmp_path: Path) -> None:
    letters, asked = Letters(), list[bytes]()

    def let_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        asked.append(data.password)
        return AuthResult(success=data.password == b"mat khau", handled=False)

    controller = Controller(
        letters, "127.0.0.1", free_port(), tls_context=server_context(layout, tmp_path), require_starttls=True,
        authenticator=let_in, auth_required=True,
    )  # fmt: skip
    controller.start()
    mail = Mail(
        "thư", None, frozenset(Trouble), 60, True, "127.0.0.1", controller.port, "starttls", "desk", "mat khau", "gate@example.vn",
        ("truc@example.vn", "hai@example.vn"), layout.authority_certificate,
    )  # fmt: skip
    try:
        send(batch(mail, "raised"), NOW_MS)
        with pytest.raises(NotDelivered, match="Authentication"):
            send(batch(replace(mail, password="wrong"), "raised"), NOW_MS)
        with pytest.raises(NotDelivered, match="ertificate"):
            send(batch(replace(mail, ca_file=None), "raised"), NOW_MS)
    finally:
        controller.stop()
    ((to, content, encrypted),) = letters.came
    letter = message_from_bytes(content, policy=policy.default)
    assert (to, encrypted) == (["truc@example.vn", "hai@example.vn"], True)
    assert asked[:2] == [b"mat khau", b"wrong"]
    assert letter["subject"] == "[gate-scanner] 1 cảnh báo mới, 0 đã hết"
    assert "▲ bus-co/xe-1  Nhiệt độ: 83 °C  (2025-12-21 08:58:00)" in letter.get_content()


def told(notices: Notices, alerts: list[FleetAlert], at_ms: int, sink: Sink = SINK) -> list[str]:
    """What is told now, and arrives."""
    words = []
    for due in notices.due([sink], alerts, at_ms):
        words += [notice.what for notice in due.notices]
        notices.delivered(due)
    return words


def test_each_is_told_once_and_its_end_once(tmp_path: Path) -> None:
    over = replace(ALERT, ended_ms=NOW_MS + 5000)
    with Notices(tmp_path / "n.sqlite") as notices:
        assert told(notices, [ALERT], NOW_MS - 70_000) == []  # it may be over in a moment
        assert told(notices, [ALERT], NOW_MS) == ["raised"]
        assert told(notices, [ALERT], NOW_MS + 1000) == []
    with Notices(tmp_path / "n.sqlite") as notices:  # after a restart
        assert told(notices, [ALERT], NOW_MS + 2000) == []
        assert told(notices, [over], NOW_MS + 6000) == ["over"]
        assert told(notices, [over], NOW_MS + 7000) == []


def test_what_was_never_told_or_is_anothers_is_not_told(tmp_path: Path) -> None:
    with Notices(tmp_path / "n.sqlite") as notices:
        assert told(notices, [replace(ALERT, ended_ms=NOW_MS)], NOW_MS + 1) == []
        assert told(notices, [ALERT], NOW_MS, replace(SINK, org="market-co")) == []
        assert told(notices, [ALERT], NOW_MS, replace(SINK, troubles=frozenset({Trouble.FORK}))) == []
        assert told(notices, [ALERT], NOW_MS, replace(SINK, name="no end", tell_end=False)) == ["raised"]
        assert told(notices, [replace(ALERT, ended_ms=NOW_MS)], NOW_MS, replace(SINK, name="no end", tell_end=False)) == []


def test_what_does_not_arrive_is_tried_with_longer_waits_for_a_day(tmp_path: Path) -> None:
    tries_ms = []
    with Notices(tmp_path / "n.sqlite") as notices:
        at_ms, alive = NOW_MS, True
        while alive:
            (due,) = notices.due([SINK], [ALERT], at_ms)
            tries_ms.append(at_ms)
            alive = notices.failed(due, at_ms) == 0
            later = [wait for wait in range(10_000, 3_600_001, 10_000) if notices.due([SINK], [ALERT], at_ms + wait)]
            at_ms += later[0] if later else 0
        assert notices.due([SINK], [ALERT], at_ms + GIVE_UP_MS) == []
    waits = [after - before for before, after in pairwise(tries_ms)]
    assert waits[:4] == [10_000, 20_000, 40_000, 80_000]
    assert waits == sorted(waits)
    assert GIVE_UP_MS < tries_ms[-1] - tries_ms[0] <= GIVE_UP_MS + max(waits)


def test_each_is_tried_for_a_day_of_its_own(tmp_path: Path) -> None:
    """A place that was away for a day must still hear of what happened in its last hour."""
    young = replace(ALERT, number=2, name=DeviceName("bus-co", "xe-2"), raised_ms=NOW_MS + GIVE_UP_MS - 120_000)
    with Notices(tmp_path / "n.sqlite") as notices:
        notices.due([SINK], [ALERT], NOW_MS)
        (due,) = notices.due([SINK], [ALERT, young], NOW_MS + GIVE_UP_MS + 1)
        assert [notice.alert for notice in due.notices] == [ALERT, young]
        assert notices.failed(due, NOW_MS + GIVE_UP_MS + 1) == 1
        (again,) = notices.due([SINK], [ALERT, young], NOW_MS + GIVE_UP_MS + 3_600_001)
    assert [notice.alert for notice in again.notices] == [young]


def test_every_mistake_of_the_settings_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("too short")
    (tmp_path / "short").chmod(0o644)
    file = tmp_path / "fleet-notices.toml"
    file.write_text(f"""
colour = "red"
[[webhook]]
name = "a"
url = "http://desk.example.vn/"
secret_file = "{tmp_path}/short"
troubles = ["rain"]
retries = 5
[[mail]]
name = "a"
server = "mail.example.vn"
security = "none"
sender = "nobody"
to = []
port = 99999
""")
    with pytest.raises(NotAProvince) as wrong:
        notice_settings.read(file)
    told = str(wrong.value)
    for word in ("colour", "webhook[1].url", "at least 24", "chmod 600", "webhook[1].troubles", "webhook[1].retries", "mail[1].security",
                 "mail[1].sender", "mail[1].to", "mail[1].port"):  # fmt: skip
        assert word in told, word
    assert all(line.startswith(str(file)) for line in told.splitlines())
    assert "too short" not in told


def test_good_settings_are_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(0o600)
    secret.write_text(SECRET.decode() + "\n")
    file = tmp_path / "fleet-notices.toml"
    file.write_text(f"""
[[webhook]]
name = "zalo"
url = "https://desk.example.vn/alerts"
secret_file = "{secret}"
org = "bus-co"
troubles = ["offline", "fork"]
[[mail]]
name = "trực ban"
server = "127.0.0.1"
security = "none"
sender = "gate@example.vn"
to = ["truc@example.vn"]
""")
    webhook, mail = notice_settings.read(file)
    assert isinstance(webhook, Webhook)
    assert (webhook.secret, webhook.org, webhook.troubles) == (SECRET, "bus-co", frozenset({Trouble.OFFLINE, Trouble.FORK}))
    assert SECRET.decode() not in repr(webhook)
    assert isinstance(mail, Mail)
    assert (mail.port, mail.to, mail.org) == (25, ("truc@example.vn",), None)
    assert notice_settings.read(tmp_path / "none.toml") == []
