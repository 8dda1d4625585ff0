"""The door by which scanners join: TLS on a port of its own, one request and one answer a connection, nothing else.

Apart from the broker, so that strangers never talk to what carries entries; no HTTP, so that there is little to attack: every byte
from outside is a length, a bounded frame, and one parser (`edge_agent.wire.joining`). Source: decision 0060.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_agent.base.seldom import Seldom
from edge_agent.link import door_link
from edge_agent.wire import joining
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from province.base.errors import ProvinceError

_log = logging.getLogger(__name__)
_GUESTS_MOST = 64
_VISIT_S = 20.0  # whoever takes longer is shown out
_ROOM_S = 1.0  # so long whoever was shown out to make room has to be gone
_BREATH_S = 0.2  # before the next try when this machine has no room for a guest, who goes on waiting in front of the door
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


@dataclass(frozen=True, slots=True)
class Front:
    """What a guest meets.

    Attributes:
        context: TLS with the door's key.
        greeting: sent to each guest first, see `door_link.greet`.
        answer: makes the answer to a request; may raise Malformed, Forged or ProvinceError, then the guest gets none.
    """

    context: ssl.SSLContext
    greeting: bytes
    answer: Callable[[bytes], bytes]


class Door:
    """A listening door; each guest is served in a thread of its own.

    Args:
        address: where to listen; an empty host is every address of this machine.
        context, greeting, answer: see `Front`.

    Raises:
        OSError: the port cannot be had.
    """

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext, greeting: bytes, answer: Callable[[bytes], bytes]) -> None:
        first = Front(context, greeting, answer)
        self._front: Callable[[], Front] = lambda: first
        self._guests = threading.BoundedSemaphore(_GUESTS_MOST)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._seldom = Seldom()
        self._hands: dict[socket.socket, None] = {}  # by which a guest is shown out; who came first is first
        if address[0] or not socket.has_dualstack_ipv6():
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            self._server = socket.create_server(address, family=family)
        else:
            self._server = socket.create_server(address, family=socket.AF_INET6, dualstack_ipv6=True)
        self._thread = threading.Thread(target=self._serve, name="door", daemon=True)

    def follow(self, front: Callable[[], Front]) -> None:
        """Asks for each guest what it meets, because key and certificates may be renewed; call it before `start`."""
        self._front = front

    def start(self) -> None:
        """Begins to let guests in; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Closes the door; guests who are in are left to the process's end."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        if self._thread.is_alive():
            self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                guest, (host, *_) = self._server.accept()
            except OSError as error:  # `stop` has closed it; anything else is the guest's trouble, or this machine's
                if self._closed.is_set() or self._server.fileno() < 0 or not self._listens():
                    return
                if error.errno in _NO_ROOM:
                    self._wait_for_room(error)
                continue
            if not self._has_room():
                guest.close()
                continue
            try:
                threading.Thread(target=self._receive, args=(guest, host), name="guest", daemon=True).start()
            except RuntimeError as error:  # no more threads
                guest.close()
                self._guests.release()
                self._wait_for_room(error)

    def _wait_for_room(self, error: Exception) -> None:
        if count := self._seldom.worth_a_line():
            _log.warning("no room for a guest here, %d times until now: %s. Give it more: LimitNOFILE, TasksMax", count, error)
        self._closed.wait(_BREATH_S)

    def _has_room(self) -> bool:
        """Whether one more may come in. Who has been here longest makes room, else 64 who only hold the line keep everyone away."""
        if self._guests.acquire(blocking=False):
            return True
        with self._lock:
            longest = next(iter(self._hands), None)
            if longest is not None:
                del self._hands[longest]
                _show_out(longest)
        return self._guests.acquire(timeout=_ROOM_S)

    def _listens(self) -> bool:
        return bool(self._server.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))

    def _receive(self, guest: socket.socket, host: str) -> None:
        """Serves a guest, and gives the place on to the next one whatever happens."""
        try:
            with guest, self._within_time(guest):
                self._serve_one(guest)
        except (Malformed, Forged) as error:
            _log.warning("turned away from=%s: %s", host, error)
        except ProvinceError as error:
            _log.error("no answer for from=%s: %s", host, error)
        except OSError as error:
            _log.debug("guest left from=%s: %s", host, error)
        except Exception as error:  # noqa: BLE001 - a request that meets a fault of ours must not end the process; no trace: it may hold data
            _log.error("internal error with a guest: %s", type(error).__name__)
        finally:
            self._guests.release()

    @contextlib.contextmanager
    def _within_time(self, guest: socket.socket) -> Iterator[None]:
        """Keeps a hand on a guest, by which it is shown out when its time is over or its place is needed."""
        hand = guest.dup()  # TLS takes the guest's own descriptor over
        shown_out = threading.Timer(_VISIT_S, _show_out, (hand,))
        shown_out.daemon = True
        with self._lock:
            self._hands[hand] = None
        try:
            shown_out.start()
            yield
        finally:
            shown_out.cancel()
            with self._lock:
                self._hands.pop(hand, None)
                hand.close()

    def _serve_one(self, guest: socket.socket) -> None:
        front = self._front()
        with front.context.wrap_socket(guest, server_side=True) as stream:
            door_link.send_frame(stream, front.greeting)
            door_link.send_frame(stream, front.answer(door_link.receive_frame(stream, joining.MAX_REQUEST_BYTES)))
            with contextlib.suppress(OSError):
                stream.unwrap()  # so that the answer is not cut off by a reset


def _show_out(hand: socket.socket) -> None:
    with contextlib.suppress(OSError):  # has left already
        hand.shutdown(socket.SHUT_RDWR)


def tls(certificate_file: str, key_file: str) -> ssl.SSLContext:
    """The door's TLS: it shows its key, guests show none.

    Raises:
        OSError: the files cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate_file, key_file)
    return context
