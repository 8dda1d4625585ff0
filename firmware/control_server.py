"""Serves the control socket: counters and live passages out, requests in; nobody here ever waits for a listener.

Source: design.md "The house". SOCK_SEQPACKET keeps message borders; SO_PEERCRED says who connects: root, our own user and
members of the folder's group only (the kernel checks the group by the socket file's mode).
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edge_agent.base.trouble import where
from edge_agent.device.control import MAX_MESSAGE_BYTES, SOCKET_NAME, BadMessage, decode, encode

log = logging.getLogger(__name__)
_MAX_LISTENERS = 8
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


class Asker:
    """Whoever sent a request, for answers that come later than its end.

    Attributes:
        gone_s: when they closed their connection, monotonic seconds; None while they are there.
    """

    def __init__(self, listener: socket.socket) -> None:
        self.gone_s: float | None = None
        self._listener = listener

    def tell(self, message: Mapping[str, Any]) -> None:
        """Sends a message to them alone, and returns at once; it is lost when they have gone or do not read. From any thread."""
        with contextlib.suppress(OSError, BadMessage):  # full or gone: a listener who is slow misses messages, the gate does not wait
            self._listener.send(encode(message), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


class ControlServer:
    """The socket and its listeners, in a thread of its own.

    Args:
        runtime: the runtime folder.
        on_request: called in the server's thread with each request and whoever asks; returns the answer, None for none or a later one.

    Raises:
        OSError: the socket cannot be made.
    """

    def __init__(self, runtime: Path, on_request: Callable[[dict[str, Any], Asker], Mapping[str, Any] | None]) -> None:
        self._path = runtime / SOCKET_NAME
        self._on_request = on_request
        self._listeners: dict[socket.socket, Asker] = {}
        self._lock = threading.Lock()
        self._wake_in, self._wake_out = socket.socketpair()
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            self._path.unlink(missing_ok=True)  # left by a process that was killed; the process lock says nobody serves it
            self._server.bind(str(self._path))
            self._path.chmod(0o660)
            self._server.listen(_MAX_LISTENERS)
        except OSError as error:
            self._close_sockets()
            raise OSError(f"{self._path}: the control socket cannot be made ({error}): check device.runtime") from error
        self._thread = threading.Thread(target=self._serve, name="control-server", daemon=True)

    def start(self) -> None:
        """Begins to serve; returns at once."""
        self._thread.start()

    def tell(self, message: Mapping[str, Any]) -> bool:
        """Sends a message to every listener who has room for it, and returns at once; one that is too long goes to nobody.

        Returns:
            Whether anybody listens.
        """
        with self._lock:
            listeners = tuple(self._listeners)
        if not listeners:
            return False
        try:
            data = encode(message)
        except BadMessage as error:  # of very many lanes: the gate goes on without being looked at
            log.error("control socket: %s is not told: %s", message["type"], error)  # noqa: TRY400 - a message for people
            return True
        for listener in listeners:
            self._send(listener, data)
        return True

    @staticmethod
    def _send(listener: socket.socket, data: bytes) -> None:
        with contextlib.suppress(OSError):  # full or gone: a listener who is slow misses messages, the gate does not wait
            listener.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    def stop(self) -> None:
        """Closes the socket and every connection."""
        self._wake_in.close()
        if self._thread.is_alive():
            self._thread.join(2.0)
        else:
            self._close_sockets()
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ, self._accept)
            selector.register(self._wake_out, selectors.EVENT_READ, None)
            while True:
                for key, _events in selector.select():
                    if key.data is None:
                        self._close_sockets()
                        return
                    key.data(selector, key.fileobj)

    def _close_sockets(self) -> None:
        with self._lock:
            for each in (*self._listeners, self._server, self._wake_in, self._wake_out):
                each.close()
            self._listeners.clear()

    def _accept(self, selector: selectors.BaseSelector, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            listener, _address = server.accept()
            pid, uid, _gid = _CREDENTIALS.unpack(listener.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
            group_may = bool(self._path.parent.stat().st_mode & 0o010)
            if not (uid in (0, os.geteuid()) or group_may) or len(self._listeners) >= _MAX_LISTENERS:
                log.warning("control socket: refused process %d of user %d", pid, uid)
                listener.close()
                return
            listener.setblocking(False)
            with self._lock:
                self._listeners[listener] = Asker(listener)
            selector.register(listener, selectors.EVENT_READ, self._receive)

    def _receive(self, selector: selectors.BaseSelector, listener: socket.socket) -> None:
        try:
            data = listener.recv(MAX_MESSAGE_BYTES + 1)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            selector.unregister(listener)
            with self._lock:
                self._listeners.pop(listener).gone_s = time.monotonic()
            listener.close()
            return
        asker = self._listeners[listener]
        answer = self._answer(data, asker)
        if answer is not None:
            asker.tell(answer)

    def _answer(self, data: bytes, asker: Asker) -> Mapping[str, Any] | None:
        try:
            return self._on_request(decode(data), asker)
        except BadMessage as error:
            return {"type": "refused", "why": str(error)}
        except Exception as error:  # noqa: BLE001 - a request we stumble over must not end the service for all
            log.error("control socket: unexpected %s; please report it", where(error))  # noqa: TRY400 - a traceback could hold data
            return {"type": "refused", "why": "unexpected trouble"}
