"""What every request meets before a page: its Host, its origin, its size; and what every answer carries. A page's error ends here, unsaid.

Source: OWASP "HTTP Headers" and "Cross-Site Request Forgery Prevention" cheat sheets; RFC 9110 (Host), RFC 6454 (Origin).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Container, Mapping, MutableMapping
from typing import Any

from edge_agent.base.trouble import where

_log = logging.getLogger(__name__)
MAX_BODY_BYTES = 8192
MAX_HEAD_BYTES = 16 * 1024
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
    """The request is not answered with a page; the number is HTTP's, `why` for a person where they can mend it."""

    def __init__(self, status: int, why: str = "") -> None:
        super().__init__(status)
        self.status, self.why = status, why


class Guard:
    """Stands before the pages.

    Args:
        app: the pages.
        hosts: the values of Host that are ours, in lower case, with their port where they have one.
        on_error: makes the answer to a request that is refused or has failed: path, status, why.
        most_bytes: the longest body.
        forms: whether what is sent comes from forms of our own pages; else from programs, which say who they are in each request.
    """

    def __init__(
        self,
        app: _App,
        hosts: Container[str],
        on_error: Callable[[str, int, str], Any],
        most_bytes: int = MAX_BODY_BYTES,
        *,
        forms: bool = True,
    ) -> None:
        self._app, self._hosts, self._on_error = app, hosts, on_error
        self._most_bytes, self._forms = most_bytes, forms

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
            await self._app(scope, _bounded(receive, self._most_bytes), dressed)
        except Refused as refused:
            status, why = refused.status, refused.why
        except Exception as error:  # noqa: BLE001 - whatever it is, its message may hold what a form said
            _log.error("page: unexpected %s; please report it", where(error, 3))
            status, why = 500, ""
        else:
            return
        if not begun:
            await self._on_error(scope["path"], status, why)(scope, receive, dressed)

    def _check(self, scope: _Message) -> None:
        """Refuses what no browser sends that shows our pages.

        Raises:
            Refused: another host, another site's form, a method of no page, a head or body too large, a NUL.
        """
        head_bytes = len(scope["raw_path"]) + len(scope["query_string"]) + sum(len(name) + len(value) for name, value in scope["headers"])
        if head_bytes > MAX_HEAD_BYTES:  # h11 bounds what is still coming, and not what came at once
            raise Refused(413)
        if "\0" in scope["path"] or b"%00" in scope["query_string"] or b"\0" in scope["query_string"]:
            raise Refused(400)  # in no name, and no text of a database takes it
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in (b"host", b"origin", b"content-length") and name in headers:
                raise Refused(400)
            headers[name] = value
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if host not in self._hosts or (self._forms and scope["method"] not in ("GET", "HEAD", "POST")):
            raise Refused(400)
        if self._forms and scope["method"] == "POST" and headers.get(b"origin", b"").decode("latin-1").lower() != f"https://{host}":
            raise Refused(403)
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:12]) > self._most_bytes:
            raise Refused(413)


def _bounded(receive: _Receive, most_bytes: int) -> _Receive:
    """A body that is sent without its length is counted as it comes."""
    taken = 0

    async def counted() -> _Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most_bytes:
            raise Refused(413)
        return message

    return counted
