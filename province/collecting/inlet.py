"""Where entries come in and receipts go out: the seam behind which the broker speaks MQTT or AMQP."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge_agent.link.broker_link import Message


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message that came in.

    Attributes:
        topic: as MQTT writes it, whichever way it came.
        handle: what the inlet needs to acknowledge it: message id and QoS, or delivery tag and 1.
        connection: the connection it came by, counted: its handle means nothing on a later one.
    """

    topic: str
    payload: bytes = field(repr=False)
    handle: tuple[int, int]
    connection: int


class Inlet(Protocol):
    """One way in and out. What is not settled comes again, from the broker or from its device."""

    @property
    def source(self) -> str:
        """Where it reads, for people."""

    def start(self) -> None:
        """Begins to connect, and stays connected by itself; returns at once."""

    def take(self, most: int, within_s: float) -> list[Parcel]:
        """What has arrived, waiting for the first; nothing when none came within the time or somebody called `wake`."""

    def wake(self) -> None:
        """Ends a `take` that waits; may be called from any thread."""

    def settle(self, batch: Sequence[Parcel], receipts: Sequence[Message]) -> None:
        """Publishes the receipts for what was committed, and acknowledges the batch to the broker; returns at once."""

    def keep_published(self, message: Message) -> None:
        """Publishes a retained message, and again whenever the broker may have lost it."""

    def stop(self) -> None:
        """Disconnects."""


class Inbox:
    """What has arrived and was not taken yet; put in by one thread, taken out by another."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Parcel | None] = queue.SimpleQueue()

    def put(self, parcel: Parcel) -> None:
        """Takes a message in; bounded by what the broker sends unacknowledged."""
        self._queue.put(parcel)

    def clear(self) -> None:
        """Forgets what will come again."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()

    def waiting(self) -> int:
        """How many."""
        return self._queue.qsize()

    def wake(self) -> None:
        """See `Inlet`."""
        self._queue.put(None)

    def take(self, most: int, within_s: float) -> list[Parcel]:
        """See `Inlet`."""
        try:
            first = self._queue.get(timeout=within_s)
        except queue.Empty:
            return []
        batch = [] if first is None else [first]
        while len(batch) < most:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is not None:
                batch.append(item)
        return batch
