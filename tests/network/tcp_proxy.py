"""A TCP proxy on loopback that is a bad network at a test's command: partitions, half-open links, delay, thin lines, stalls, cuts.

It runs in a thread of its own. A command is in force when its call returns, for the connections there are and those to come, until `heal`.

    with TcpProxy(broker.port) as network:      # the client connects to network.port
        network.part()                          # nothing comes through any more, nobody is told
        network.until(lambda seen: seen.connects >= 2)
        network.heal()                          # and what was under way arrives
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar
from weakref import WeakSet

from tcp_pump import Act, Connection, Line, Pump, Trap, Way, told_rst

Result = TypeVar("Result")
WAIT_S = 20.0
_SOCKET_BYTES = 16 * 1024  # small, so that a thin line is felt by its sender


@dataclass(frozen=True, slots=True)
class Seen:
    """What has happened so far.

    Attributes:
        connects: connections that clients have made, those turned away too.
        live: connections there are now.
        up, down: bytes handed on.
        swallowed: bytes lost.
        trapped: traps that sprang.
    """

    connects: int = 0
    live: int = 0
    up: int = 0
    down: int = 0
    swallowed: int = 0
    trapped: int = 0


def _bound(port: int) -> socket.socket:
    """A socket that keeps a port; until it listens, whoever connects is refused."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BYTES)
    made.setblocking(False)
    made.bind(("127.0.0.1", port))
    return made


class TcpProxy:
    """The network between clients, who connect to `port`, and a server on loopback.

    Args:
        target: the server's port; `turn_to` sends later connections elsewhere.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._lines = {way: Line(way) for way in Way}
        self._turning_away = False
        self._seen = Seen()
        self._changed = threading.Condition()
        self._connections: dict[asyncio.Task[None], Connection | None] = {}
        self._transports: WeakSet[asyncio.WriteTransport] = WeakSet()  # those of ended connections may still say their last
        self._listening: socket.socket | None = None
        self._deaf: socket.socket | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy")
        self._thread.start()
        self.port = 0
        self._do(self._heal())

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_S)

    @property
    def seen(self) -> Seen:
        """What has happened so far."""
        with self._changed:
            return self._seen

    def until(self, happened: Callable[[Seen], bool]) -> Seen:
        """Waits for something to have happened."""
        with self._changed:
            assert self._changed.wait_for(lambda: happened(self._seen), WAIT_S), self._seen
            return self._seen

    def _count(self, name: str, number: int) -> None:
        with self._changed:
            self._seen = replace(self._seen, **{name: getattr(self._seen, name) + number})
            self._changed.notify_all()

    def part(self, *ways: Way) -> None:
        """Lets nothing through these ways, both when none is named; what is under way arrives after `heal`, as TCP sends it again."""
        self._set(*(self._lines[way].open.clear for way in ways or Way))

    def slow(self, *, delay_s: float = 0.0, bytes_per_s: float | None = None) -> None:
        """Makes both ways so late and so thin."""
        for line in self._lines.values():
            line.delay_s, line.bytes_per_s = delay_s, bytes_per_s

    def trap(self, way: Way, after_bytes: int, act: Act) -> None:
        """Springs once so many more bytes have gone that way, on each connection; later ones count from their beginning."""

        def set_it() -> None:
            self._lines[way].trap = Trap(after_bytes, act)
            for pump in self._pumps(way):
                pump.trap_from_here()

        self._set(set_it)

    def swallow(self, *ways: Way) -> None:
        """Loses all that the connections of now say these ways, both when none is named: half open for ever, forgotten by a router."""

        def swallow_it() -> None:
            for way in ways or Way:
                for pump in self._pumps(way):
                    pump.swallow()

        self._set(swallow_it)

    def reset(self) -> None:
        """Ends the connections of now with RST."""

        def reset_it() -> None:
            for connection in self._connections.values():
                if connection is not None:
                    connection.reset()

        self._set(reset_it)

    def turn_away(self) -> None:
        """Accepts and resets whoever connects; `seen` counts them."""
        self._turning_away = True

    def refuse(self) -> None:
        """Has nobody listen: whoever connects is refused, and cannot be counted."""
        self._do(self._refuse())

    def turn_to(self, target: int) -> None:
        """Sends those who connect from now on to another server."""
        self._target = target

    def heal(self) -> None:
        """Is a good network again; what was swallowed stays lost."""
        self._do(self._heal())

    def close(self) -> None:
        """Ends all connections and the thread."""
        if self._thread.is_alive():
            self._do(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(WAIT_S)
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _set(self, *changes: Callable[[], None]) -> None:
        async def work() -> None:
            for change in changes:
                change()

        self._do(work())

    def _pumps(self, way: Way) -> list[Pump]:
        return [connection.pumps[way] for connection in self._connections.values() if connection is not None]

    async def _refuse(self) -> None:
        if self._listening is not None:
            self._loop.remove_reader(self._listening)
            self._listening.close()
            self._listening, self._deaf = None, _bound(self.port)

    async def _heal(self) -> None:
        self._turning_away = False
        if self._deaf is not None:
            self._deaf.close()
            self._deaf = None
        if self._listening is None:
            self._listening = _bound(self.port)
            self.port = self._listening.getsockname()[1]
            self._listening.listen(64)
            self._loop.add_reader(self._listening, self._accept, self._listening)
        for way, line in self._lines.items():
            line.delay_s, line.bytes_per_s, line.trap = 0.0, None, None
            line.open.set()
            for pump in self._pumps(way):
                pump.flowing.set()

    async def _end(self) -> None:
        await self._refuse()
        if self._deaf is not None:
            self._deaf.close()
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for transport in list(self._transports):
            transport.abort()
        await asyncio.sleep(0)  # they close in the loop's next turn

    def _accept(self, listening: socket.socket) -> None:
        try:
            client, _address = listening.accept()
        except OSError:  # gone before we looked
            return
        client.setblocking(False)
        self._count("connects", 1)
        self._count("live", 1)
        task = self._loop.create_task(self._carry(client))
        self._connections[task] = None
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._connections[task]
        self._count("live", -1)

    async def _carry(self, client: socket.socket) -> None:
        from_client, to_client = await asyncio.open_connection(sock=client)
        self._transports.add(to_client.transport)
        try:
            if self._turning_away:
                raise ConnectionResetError
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
            self._transports.add(to_server.transport)
        except OSError:
            told_rst(to_client)
            return
        pumps = {
            Way.UP: Pump(self._lines[Way.UP], from_client, to_server, self._count),
            Way.DOWN: Pump(self._lines[Way.DOWN], from_server, to_client, self._count),
        }
        connection = Connection(pumps, {Way.UP: to_server, Way.DOWN: to_client})
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = connection
        await connection.carry()
