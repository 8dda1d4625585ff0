"""What a bad network does to one connection: its bytes carried each way, late, thinly, cut at a place, lost or stalled."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

_SEGMENT = 1400  # bytes carried at once at most, about what a packet holds
_UNDER_WAY = 32  # segments on the way at most; beyond, the sender has to wait
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time at all: closing says RST


class Way(Enum):
    """Which way bytes go."""

    UP = "from the client to the server"
    DOWN = "from the server to the client"


class Act(Enum):
    """What happens to a connection when a trap's place in its bytes is reached."""

    RESET = "both ends are told RST"
    CLOSE = "both ends are told FIN"
    STALL = "nothing more goes this way until `heal`"
    SWALLOW = "all that follows this way is lost for good"


@dataclass(frozen=True, slots=True)
class Trap:
    """`act` once so many bytes have gone one way: since the trap was set, or since a later connection began."""

    after_bytes: int
    act: Act


@dataclass(slots=True)
class Line:
    """One way as it is now, the same for all connections."""

    way: Way
    delay_s: float = 0.0
    bytes_per_s: float | None = None
    trap: Trap | None = None
    open: asyncio.Event = field(default_factory=asyncio.Event)


class Pump:
    """Carries the bytes of one connection one way."""

    def __init__(self, line: Line, source: asyncio.StreamReader, sink: asyncio.StreamWriter, count: Callable[[str, int], None]) -> None:
        self._line = line
        self._source = source
        self._sink = sink
        self._count = count
        self._under_way: asyncio.Queue[tuple[float, bytes | None]] = asyncio.Queue(_UNDER_WAY)
        self._passed = 0
        self._trap_from = 0
        self._free_s = 0.0
        self._swallows = False
        self.flowing = asyncio.Event()
        self.flowing.set()

    def trap_from_here(self) -> None:
        self._trap_from = self._passed

    def swallow(self) -> None:
        """Loses all that follows: such a hole never heals."""
        self._swallows = True
        self.flowing.set()

    async def take(self) -> None:
        """Takes what the sender says, with the time at which it arrives, until the sender ends (no bytes) or breaks off (None)."""
        clock = asyncio.get_running_loop().time
        chunk: bytes | None = b"-"
        while chunk:
            rate = self._line.bytes_per_s
            try:
                chunk = await self._source.read(_SEGMENT if rate is None else max(1, min(_SEGMENT, int(rate / 10))))
            except OSError:
                chunk = None
            if rate is not None and chunk:
                self._free_s = max(clock(), self._free_s) + len(chunk) / rate
                await asyncio.sleep(self._free_s - clock())
            await self._under_way.put((clock() + self._line.delay_s, chunk))

    async def give(self) -> Act | None:
        """Hands it to the receiver when it arrives; ends with what a trap or the sender does to the connection, None for no more to say."""
        clock = asyncio.get_running_loop().time
        while True:
            due_s, chunk = await self._under_way.get()
            await asyncio.sleep(due_s - clock())
            await self._line.open.wait()
            if self._swallows:
                self._count("swallowed", len(chunk or b""))
            elif not chunk:
                return Act.RESET if chunk is None else None
            elif (act := await self._pass(chunk)) is not None:
                return act

    async def _pass(self, chunk: bytes) -> Act | None:
        trap = self._line.trap
        left = len(chunk) if trap is None else max(0, self._trap_from + trap.after_bytes - self._passed)
        await self._hand_on(chunk[:left])
        if trap is None or left >= len(chunk):
            return None
        if trap.act in (Act.RESET, Act.CLOSE):
            self._count("trapped", 1)
            return trap.act
        self.flowing.clear()
        if trap.act is Act.SWALLOW:
            self.swallow()
        self._count("trapped", 1)
        await self.flowing.wait()
        if self._swallows:
            self._count("swallowed", len(chunk) - left)
        else:
            await self._hand_on(chunk[left:])
        return None

    async def _hand_on(self, chunk: bytes) -> None:
        if chunk:
            self._passed += len(chunk)
            self._sink.write(chunk)
            await self._sink.drain()
            self._count(self._line.way.name.lower(), len(chunk))


@dataclass(frozen=True, slots=True)
class Connection:
    """A client's connection and ours to the server."""

    pumps: dict[Way, Pump]
    ends: dict[Way, asyncio.StreamWriter]  # where the bytes of each way go

    async def carry(self) -> None:
        takes = [asyncio.create_task(pump.take()) for pump in self.pumps.values()]
        gives = {asyncio.create_task(pump.give()): way for way, pump in self.pumps.items()}
        try:
            pending = set(gives)
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for ended in done:
                    self._end(gives[ended], ended)
        finally:
            for task in (*takes, *gives):
                task.cancel()
            await asyncio.gather(*takes, *gives, return_exceptions=True)
            for end in self.ends.values():
                end.close()

    def _end(self, way: Way, ended: asyncio.Task[Act | None]) -> None:
        if ended.cancelled() or ended.exception() is not None or ended.result() is Act.RESET:
            self.reset()
            return
        for end in self.ends.values() if ended.result() is Act.CLOSE else (self.ends[way],):
            with suppress(OSError):
                end.write_eof()

    def reset(self) -> None:
        """Tells both ends RST."""
        for end in self.ends.values():
            told_rst(end)


def told_rst(end: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    end.transport.abort()
