"""What every request meets before a page: its Host, its origin, its size; and what every answer carries. A page's error ends here, unsaid.

Source: OWASP "HTTP Headers" and "Cross-Site Request Forgery Prevention" cheat sheets; RFC 9110 (Host), RFC 6454 (Origin). A Host that is an
address cannot be rebound (there is no name in it); of names only our own counts.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from edge_agent.base.trouble import where

log = logging.getLogger(__name__)
MAX_BODY_BYTES = 8192
MAX_HEAD_BYTES = 16 * 1024
_SAFE = {"GET", "HEAD"}
_TOLD_EVERY_S = 60.0
_Message = MutableMapping[str, Any]
_Send = Callable[[_Message], Awaitable[None]]
_Receive = Callable[[], Awaitable[_Message]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]

HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "referrer-policy": "same-origin",  # with no-referrer, forms would carry the origin `null`
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Refused(Exception):
    """The request is not answered with a page; the number is HTTP's."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def is_ours(host: str, name: str) -> bool:
    """Whether a Host header names this device: by its own name or by an address, with or without a port.

    Example:
        >>> [is_ours(host, "gate-3f9a.local") for host in ("gate-3f9a.local:8443", "192.168.1.7:8443", "evil.example:8443", "")]
        [True, True, False, False]
    """
    bare = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and ":" in host else host
    if bare.lower().rstrip(".") == name:
        return True
    try:
        ipaddress.IPv4Address(bare)
    except ValueError:
        return False
    return True


class Guard:
    """Stands before the pages.

    Args:
        app: the pages.
        name: this device's host name.
        on_error: makes the answer to a request that is refused or has failed: path and status.
    """

    def __init__(self, app: _App, name: str, on_error: Callable[[str, int], Any]) -> None:
        self._app = app
        self._name = name
        self._on_error = on_error
        self._told_s = -_TOLD_EVERY_S

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        begun = False

        async def dressed(message: _Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                own = {name for name, _value in message["headers"]}
                extra = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in own]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, _bounded(receive), dressed)
        except Refused as refused:
            status = refused.status
        except Exception as error:  # noqa: BLE001 - whatever it is, its message may hold what a form said
            self._tell(error)
            status = 500
        else:
            return
        if not begun:
            await self._on_error(scope["path"], status)(scope, receive, dressed)

    def _check(self, scope: _Message) -> None:
        """Refuses what no browser of a keeper sends.

        Raises:
            Refused: another host, another site's form, a method of no page, a head or body too large.
        """
        head_bytes = len(scope["raw_path"]) + len(scope["query_string"]) + sum(len(name) + len(value) for name, value in scope["headers"])
        if head_bytes > MAX_HEAD_BYTES:  # h11 bounds what is still coming, and not what came at once
            raise Refused(413)
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in (b"host", b"origin", b"content-length") and name in headers:
                raise Refused(400)
            headers[name] = value
        host = headers.get(b"host", b"").decode("latin-1")
        if not is_ours(host, self._name):
            raise Refused(400)
        method = scope["method"]
        if method not in _SAFE and method != "POST":
            raise Refused(400)
        if method == "POST" and headers.get(b"origin", b"").decode("latin-1").lower() != f"https://{host.lower()}":
            raise Refused(403)
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:12]) > MAX_BODY_BYTES:
            raise Refused(413)

    def _tell(self, error: Exception) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= _TOLD_EVERY_S:
            self._told_s = now_s
            log.error("station page: unexpected %s; please report it", where(error, 3))


def _bounded(receive: _Receive) -> _Receive:
    """A body that is sent without its length is counted as it comes."""
    taken = 0

    async def counted() -> _Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_BODY_BYTES:
            raise Refused(413)
        return message

    return counted
