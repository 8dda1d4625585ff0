"""A listening socket with a door: neighbours only, so many connections in all and of one address, before anything is read or encrypted."""

from __future__ import annotations

import socket
from collections import OrderedDict

from edge_agent.station.addresses import is_neighbour

MOST, MOST_OF_ONE = 24, 10
KEPT = 8  # of them, for addresses whose phone is in
_MOST_KNOWN = 8
_BACKLOG = 16
_GONE_MS = 30_000  # a phone carried out of reach says no goodbye: tcp(7) would keep its place for a quarter of an hour


class _Connection(socket.socket):
    """One phone's connection, whose end is seen."""

    open_of: dict[str, int]
    peer = ""

    def close(self) -> None:
        """Closes it; makes room for another."""
        if self.peer:
            peer, self.peer = self.peer, ""
            self.open_of[peer] -= 1
            if not self.open_of[peer]:
                del self.open_of[peer]
        super().close()


class Door(socket.socket):
    """Where phones connect.

    Whoever comes from or to an address that is not private is hung up on: a page for a site's own network answers nobody on the internet,
    also where the machine has a public address.

    Args:
        address: of this machine; `0.0.0.0`: all.
        port: 0 takes a free one.

    Raises:
        OSError: the address or port cannot be had.
    """

    def __init__(self, address: str, port: int) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self._open_of: dict[str, int] = {}
        self._known: OrderedDict[str, None] = OrderedDict()
        try:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.bind((address, port))
            self.listen(_BACKLOG)
            self.setblocking(False)
        except OSError as error:
            self.close()
            raise OSError(f"{address}:{port}: cannot be had ({error.strerror}); see station.listen and station.port") from None

    @property
    def port(self) -> int:
        """The port it has."""
        return int(self.getsockname()[1])

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        """The next neighbour.

        Raises:
            BlockingIOError: nobody waits.
            ConnectionAbortedError: somebody was hung up on.
        """
        descriptor, (peer, port) = self._accept()  # type: ignore[attr-defined]  # what socket.accept itself is made of
        connection = _Connection(self.family, self.type, self.proto, fileno=descriptor)
        connection.open_of = self._open_of
        here = connection.getsockname()[0]
        most = MOST if peer in self._known else MOST - KEPT
        full = sum(self._open_of.values()) >= most or self._open_of.get(peer, 0) >= MOST_OF_ONE
        if full or not (is_neighbour(peer) and is_neighbour(here)):
            connection.close()
            raise ConnectionAbortedError
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _GONE_MS)
        connection.peer = peer
        self._open_of[peer] = self._open_of.get(peer, 0) + 1
        return connection, (peer, port)

    def knows(self, peer: str) -> None:
        """A phone of this address is in: strangers cannot take all the places from it."""
        self._known[peer] = None
        self._known.move_to_end(peer)
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def connections(self) -> int:
        """How many are open."""
        return sum(self._open_of.values())
