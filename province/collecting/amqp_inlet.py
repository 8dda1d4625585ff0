"""Entries by AMQP, from a durable quorum queue of a RabbitMQ cluster: several collectors read it, and it waits for them.

Nothing is handed back to the queue, so nothing counts as delivered in vain but what a collector had in its hands when it died; and the
queue's limit for that is above what can ever happen (`rabbitmq_rules`). Decision 0104.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial

from pika import BasicProperties
from pika.channel import Channel
from pika.frame import Method
from pika.spec import Basic

from edge_agent.base.seldom import Seldom
from edge_agent.link.broker_link import Message
from edge_agent.link.endpoint import Endpoint
from province.base.amqp_names import ENTRIES_QUEUE, EXCHANGE
from province.collecting.amqp_line import AmqpLine
from province.collecting.inlet import Inbox, Parcel
from province.collecting.retained_round import RetainedRound

_log = logging.getLogger(__name__)
_PREFETCH = 1000  # a batch in work, those that wait for their receipts to be confirmed, and some to go on with
_CONFIRM_S = 10.0  # after that the entry is let go: it is in the register, and its device asks again
_ANSWER_S, _LOOK_S = 30.0, 1.0
_SWAPPED = str.maketrans("./", "/.")
_KEPT = BasicProperties(delivery_mode=2)  # type: ignore[no-untyped-call]


def swapped(name: str) -> str:
    """A topic as a routing key, and the other way round, as RabbitMQ's MQTT plug-in does it.

    Example:
        >>> swapped("gate/v1/bus-co/scanner-1/entries"), swapped("gate.v1.bus-co.scanner-1.receipts")
        ('gate.v1.bus-co.scanner-1.entries', 'gate/v1/bus-co/scanner-1/receipts')
    """
    return name.translate(_SWAPPED)


@dataclass(eq=False)
class _Settlement:
    """A committed batch whose receipts are on their way; looked at in the writing line's thread only."""

    batch: Sequence[Parcel]
    receipts: Sequence[Message]
    unconfirmed: int = 0
    refused: list[Message] = field(default_factory=list)
    until_s: float | None = None


class AmqpInlet:
    """An `Inlet` over two connections: one reads entries, one writes receipts.

    RabbitMQ halts a connection that writes when memory or disk run short; reading must go on then, or the queue would never become shorter.

    Args:
        endpoints: the cluster's nodes.
        name: how RabbitMQ lists the connections.
        rounds: takes a retained message to every node.

    Raises:
        OSError: certificate or key files cannot be read; the message names them.
    """

    def __init__(self, endpoints: Sequence[Endpoint], name: str, rounds: RetainedRound) -> None:
        self.source = f"{ENTRIES_QUEUE} at {', '.join(f'{one.host}:{one.port}' for one in endpoints)}"
        self._inbox, self._rounds = Inbox(), rounds
        self.take, self.wake, self.keep_published = self._inbox.take, self._inbox.wake, rounds.keep
        self._seldom = Seldom()
        self._reader = AmqpLine(endpoints, f"{name} reads", self._may_read, self._reading_ended)
        self._writer = AmqpLine(endpoints, f"{name} writes", self._may_write, self._writing_ended)
        # of the reading line's thread
        self._source: Channel | None = None
        self._connection = 0
        self._is_reading = False
        # of the writing line's thread, but for `append`
        self._outgoing: deque[_Settlement] = deque()
        self._sink: Channel | None = None
        self._published = 0
        self._unconfirmed: OrderedDict[int, tuple[_Settlement, Message]] = OrderedDict()
        self._refused: list[_Settlement] = []
        self._is_halted = False

    def start(self) -> None:
        """See `Inlet`."""
        self._writer.start()
        self._reader.start()
        self._rounds.start()

    def stop(self) -> None:
        """See `Inlet`; what is not acknowledged by then comes to another collector, which receipts it again."""
        self._rounds.stop()
        self._reader.stop()
        self._writer.stop()

    def settle(self, batch: Sequence[Parcel], receipts: Sequence[Message]) -> None:
        """See `Inlet`; acknowledged once the cluster has all its receipts."""
        if receipts:
            self._outgoing.append(_Settlement(batch, receipts))
            self._writer.call(self._send)
        else:
            self._let_go(batch)

    # Reading

    def _may_read(self, channel: Channel) -> None:
        self._source = channel
        self._connection += 1
        self._inbox.clear()  # what the connection before has left comes again by this one or to another collector
        channel.basic_qos(prefetch_count=_PREFETCH)
        channel.basic_consume(ENTRIES_QUEUE, self._arrived, callback=self._reads)
        self._is_reading = False
        channel.connection.ioloop.call_later(_ANSWER_S, partial(self._expect_reading, self._connection))

    def _expect_reading(self, connection: int) -> None:
        if not self._is_reading and connection == self._connection:
            _log.error("%s gives no answer: most of its nodes are away, or it has no leader (hw_docs/deployment.md)", ENTRIES_QUEUE)
            self._reader.end()

    def _reads(self, _answer: Method[Basic.ConsumeOk]) -> None:
        self._is_reading = True
        _log.info("reading from %s", ENTRIES_QUEUE)
        self.wake()

    def _arrived(self, _channel: Channel, method: Basic.Deliver, _properties: BasicProperties, body: bytes) -> None:
        self._inbox.put(Parcel(swapped(method.routing_key or ""), body, (method.delivery_tag or 0, 1), self._connection))

    def _reading_ended(self, why: str) -> None:
        self._source = None
        _log.warning("not connected: %s; trying the next node", why)

    def _let_go(self, batch: Sequence[Parcel]) -> None:
        self._reader.call(partial(self._acknowledge, batch))

    def _acknowledge(self, batch: Sequence[Parcel]) -> None:
        for parcel in batch:
            if self._source is not None and self._source.is_open and parcel.connection == self._connection:
                self._source.basic_ack(parcel.handle[0])

    # Writing

    def _may_write(self, channel: Channel) -> None:
        self._sink, self._published, self._is_halted = channel, 0, False
        channel.confirm_delivery(self._confirmed)
        channel.connection.add_on_connection_blocked_callback(lambda *_: self._halt())
        channel.connection.add_on_connection_unblocked_callback(lambda *_: self._go_on())
        _log.info("connected to the broker")
        self.wake()
        self._look(channel)
        self._send()

    def _writing_ended(self, why: str) -> None:
        self._sink = None
        for settlement in reversed(list(dict.fromkeys([*self._refused, *self._published_of()]))):  # each once, in their order
            settlement.until_s = None
            self._outgoing.appendleft(settlement)
        self._unconfirmed.clear()
        self._refused.clear()
        _log.warning("receipts wait: %s; trying the next node", why)

    def _send(self) -> None:
        while self._outgoing and self._sink is not None and self._sink.is_open:
            settlement = self._outgoing.popleft()
            if self._is_halted:
                self._let_go(settlement.batch)
                continue
            settlement.unconfirmed, settlement.refused = len(settlement.receipts), []
            settlement.until_s = settlement.until_s or time.monotonic() + _CONFIRM_S
            for message in settlement.receipts:
                self._published += 1
                self._unconfirmed[self._published] = settlement, message
                self._sink.basic_publish(EXCHANGE, swapped(message.topic), message.payload, _KEPT)

    def _confirmed(self, frame: Method[Basic.Ack | Basic.Nack]) -> None:
        tag, refused = frame.method.delivery_tag or 0, isinstance(frame.method, Basic.Nack)
        for number in [one for one in self._unconfirmed if one <= tag] if frame.method.multiple else [tag]:
            if number not in self._unconfirmed:
                continue
            settlement, message = self._unconfirmed.pop(number)
            settlement.unconfirmed -= 1
            if refused:
                settlement.refused.append(message)
            if settlement.unconfirmed == 0:
                if settlement.refused:  # a device's queue has no leader while a node goes: in a second it has
                    settlement.receipts = settlement.refused
                    self._refused.append(settlement)
                else:
                    self._let_go(settlement.batch)

    def _published_of(self) -> list[_Settlement]:
        return [settlement for settlement, _message in self._unconfirmed.values()]

    def _look(self, channel: Channel) -> None:
        """Each second of a connection: lets go of what was not confirmed in its time, and sends again what was refused."""
        if channel is not self._sink or not channel.is_open:
            return
        if late := {one for one in (*self._published_of(), *self._refused) if (one.until_s or 0.0) < time.monotonic()}:
            self._give_up(late)
            if count := self._seldom.worth_a_line("late"):
                _log.warning("the broker has not taken the receipts of %d batches; their devices will ask again", count)
        self._outgoing.extend(self._refused)
        self._refused.clear()
        self._send()
        channel.connection.ioloop.call_later(_LOOK_S, partial(self._look, channel))

    def _give_up(self, settlements: AbstractSet[_Settlement]) -> None:
        for number in [number for number, (one, _message) in self._unconfirmed.items() if one in settlements]:
            del self._unconfirmed[number]
        self._refused = [one for one in self._refused if one not in settlements]
        for one in settlements:
            self._let_go(one.batch)

    def _halt(self) -> None:
        _log.warning("the broker takes no receipts, it is short of memory or disk; entries are taken on, their devices will ask again")
        self._is_halted = True
        self._give_up({*self._published_of(), *self._refused})
        self._send()

    def _go_on(self) -> None:
        _log.info("the broker takes receipts again")
        self._is_halted = False
        self._send()
