"""The server under pages: uvicorn, that waits for nobody for ever and keeps what goes wrong to itself."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from edge_agent.serving.guard import MAX_HEAD_BYTES

_log = logging.getLogger(__name__)
_REQUEST_S = 15.0  # from a connection's beginning, or the end of its last request, to the whole of its next
_TAKE_S = 60.0  # for what is sent, where the other end has stopped reading
_HANDSHAKE_S = 8.0  # asyncio gives a minute to somebody who says nothing
_SILENT = logging.CRITICAL + 1


class _Protocol(H11Protocol):
    """HTTP/1.1 with somebody who takes forever hung up on, in asking as in reading."""

    _patience: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look_again()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._moves()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(_TAKE_S, self.transport.abort)

    def resume_writing(self) -> None:
        self._moves()
        super().resume_writing()

    def _moves(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look_again()

    def _look_again(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self.loop.call_later(_REQUEST_S, self._look)

    def _look(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        asked = cycle is not None and not cycle.response_complete and not cycle.more_body
        if not asked:
            self.transport.abort()


class Loop(asyncio.SelectorEventLoop):
    """Gives whoever connects so long to begin TLS; uvicorn cannot be told. Meant for `asyncio.Runner`."""

    def __init__(self) -> None:
        super().__init__()
        self.set_exception_handler(_quietly)

    async def create_server(self, *args: Any, **named: Any) -> asyncio.Server:
        """As asyncio's, with that bound where there is TLS."""
        if named.get("ssl") is not None:
            named["ssl_handshake_timeout"] = _HANDSHAKE_S
        return await super().create_server(*args, **named)


class Server(uvicorn.Server):
    """Serves one socket, and tells when it answers.

    Args:
        app: the pages, guarded.
        context: of TLS; None where a reverse proxy has it.
        keep_alive_s: how long a connection may rest between two requests, whole seconds.
        connections: so many at once, others are told to come again; None where somebody before it counts them.
    """

    def __init__(self, app: Any, context: ssl.SSLContext | None, *, keep_alive_s: int, connections: int | None = None) -> None:
        super().__init__(_configuration(app, context, keep_alive_s, connections))
        self.begun = asyncio.Event()

    async def serve_on(self, listener: socket.socket) -> None:
        """Serves until `should_exit`."""
        try:
            await self._serve([listener])
        finally:
            self.begun.set()

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """As uvicorn's; whoever waits for `begun` goes on."""
        await super().startup(sockets)
        self.begun.set()


def tls() -> ssl.SSLContext:
    """A context for pages, without a certificate yet. Source: RFC 8996."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


def _configuration(app: Any, context: ssl.SSLContext | None, keep_alive_s: int, connections: int | None) -> uvicorn.Config:
    """No access log, no word of uvicorn's: what goes wrong with a request is nobody's business in a log but the guard's."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logging.getLogger(name).setLevel(_SILENT)
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=connections,
        timeout_keep_alive=keep_alive_s,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        ssl_context_factory=None if context is None else lambda _config, _default: context,
    )


def _quietly(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio would log with a traceback: somebody who hangs up in the middle of a word."""
    error = context.get("exception")
    _log.debug("page: %s", type(error).__name__ if error is not None else "a task was given up")
