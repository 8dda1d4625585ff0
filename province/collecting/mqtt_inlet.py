"""Entries by MQTT: the collector's own subscription, or its part of a shared one. Receipts go back over the same connection."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from edge_agent.base.seldom import Seldom
from edge_agent.link.broker_link import Arrived, Connected, Disconnected, Event, Message
from province.collecting.inlet import Inbox, Parcel

_log = logging.getLogger(__name__)
_WAITING_MOST = 2000


class Link(Protocol):
    """The part of `BrokerLink` that is used here."""

    def start(self) -> None:
        """Begins to connect."""

    def publish(self, message: Message) -> object:
        """Hands a message over for sending."""

    def acknowledge(self, handle: tuple[int, int]) -> None:
        """Tells the broker that a message is safe with us."""

    def stop(self) -> None:
        """Disconnects."""


class MqttInlet:
    """An `Inlet` over one MQTT connection.

    Args:
        make_link: makes it, with manual acknowledgement, for whoever listens to its events.
        source: where it reads, for people.

    Raises:
        OSError: as `make_link`.
    """

    def __init__(self, make_link: Callable[[Callable[[Event], None]], Link], source: str) -> None:
        self.source = source
        self._inbox = Inbox()
        self._seldom = Seldom()
        self._connection = 0
        self._is_up = False
        self._kept: Message | None = None
        self._link = make_link(self.on_event)
        self.take, self.wake = self._inbox.take, self._inbox.wake

    def start(self) -> None:
        """See `Inlet`."""
        self._link.start()

    def stop(self) -> None:
        """See `Inlet`."""
        self._link.stop()

    def on_event(self, event: Event) -> None:
        """Takes what the link tells, in the link's thread."""
        match event:
            case Connected():
                _log.info("connected to the broker")
                self._is_up = True
                self.wake()
                if self._kept is not None:  # at every connection: the broker may have lost its store
                    self._link.publish(self._kept)
            case Disconnected(why):
                self._is_up = False
                self._connection += 1
                _log.warning("not connected: %s; trying again", why)
            case Arrived() as arrived:
                self._enqueue(arrived)

    def _enqueue(self, arrived: Arrived) -> None:
        # The broker keeps to its limit of unacknowledged messages with QoS 1; QoS 0 knows no limit, and no entry is sent so.
        if arrived.handle[1] == 0 and self._inbox.waiting() >= _WAITING_MOST:
            if count := self._seldom.worth_a_line("dropped"):
                _log.warning("dropped %d messages sent with QoS 0 while the queue was full", count)
            return
        self._inbox.put(Parcel(arrived.topic, arrived.payload, arrived.handle, self._connection))

    def settle(self, batch: Sequence[Parcel], receipts: Sequence[Message]) -> None:
        """See `Inlet`."""
        for message in receipts:
            self._link.publish(message)
        for parcel in batch:
            if parcel.connection == self._connection:
                self._link.acknowledge(parcel.handle)

    def keep_published(self, message: Message) -> None:
        """See `Inlet`."""
        self._kept = message
        if self._is_up:
            self._link.publish(message)
