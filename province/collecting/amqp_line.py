"""Keeps one AMQP 0-9-1 connection to a cluster alive: mutual TLS, the next node when one goes, errors in plain words.

pika (RabbitMQ's own client in Python, BSD, no dependencies) does the protocol. Its connections belong to one thread each: here it is
the line's own, and others hand their work to it by `call`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle

import pika
from pika.adapters.utils.connection_workflow import AMQPConnectionWorkflowFailed, AMQPConnectorPhaseErrorBase
from pika.channel import Channel
from pika.connection import Connection
from pika.exceptions import (
    AMQPConnectionError,
    AuthenticationError,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from edge_agent.base.backoff import BackOff
from edge_agent.base.trouble import where
from edge_agent.link.broker_tls import explain, tls_context
from edge_agent.link.endpoint import Endpoint

_log = logging.getLogger(__name__)
logging.getLogger("pika").setLevel(logging.CRITICAL)  # it says each failure several times over: here it is said once, in words
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 20.0
_CONNECT_S, _STOP_S, _HEARTBEAT_S = 10.0, 3.0, 20
_MADE_BY = "`gate-province rabbitmq DIR --amqp` prints what to import there"


def reasons(error: BaseException) -> Iterator[BaseException]:
    """An error of pika's and those it was made of, the innermost last."""
    while True:
        yield error
        match error:
            case AMQPConnectionWorkflowFailed() if error.exceptions:
                error = error.exceptions[-1]
            case AMQPConnectorPhaseErrorBase():
                error = error.exception
            case AMQPConnectionError() if error.args and isinstance(error.args[0], BaseException):
                error = error.args[0]
            case _:
                return


def in_words(error: BaseException, endpoint: Endpoint) -> str:
    """Says why a connection could not be made, or ended, and what to check."""
    innermost = list(reasons(error))[-1]
    match innermost:
        case OSError():  # ssl.SSLError is one
            return explain(innermost, endpoint)
        case ChannelClosedByBroker(reply_code=404):
            why = f"{innermost.reply_text.partition(',')[0]}: not there, or none of its nodes is up; {_MADE_BY}"
        case ChannelClosedByBroker(reply_code=403):
            why = f"we lack a right there ({innermost.reply_text}); {_MADE_BY}"
        case ProbableAccessDeniedError() | ConnectionClosedByBroker(reply_code=403 | 530):
            why = f"does not know us ({innermost}); {_MADE_BY}"
        case AuthenticationError() | ProbableAuthenticationError():
            why = f"does not take our certificate as a user's; it needs plug-in rabbitmq_auth_mechanism_ssl, and {_MADE_BY}"
        case ConnectionClosedByBroker() | ChannelClosedByBroker():
            why = f"ended the connection ({innermost.reply_code} {innermost.reply_text})"
        case _:
            why = f"the connection was lost ({type(innermost).__name__})"
    return f"broker {endpoint.host}:{endpoint.port}: {why}"


class AmqpLine:
    """One connection with one channel, in a thread of its own until `stop`.

    Args:
        endpoints: the cluster's nodes; each time the next is tried, and only when none answers are there pauses.
        name: how RabbitMQ lists the connection.
        on_channel: called in the line's thread with each new channel.
        on_lost: called in the line's thread when it has gone, with why, for people.

    Raises:
        OSError: certificate or key files cannot be read; the message names them.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], name: str, on_channel: Callable[[Channel], None], on_lost: Callable[[str], None]
    ) -> None:
        tls_context(endpoints[0])  # so that files which cannot be used are told at once
        self._endpoints, self._name = endpoints, name
        self._on_channel, self._on_lost = on_channel, on_lost
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: pika.SelectConnection | None = None
        self._why: BaseException | None = None
        self._was_open = False
        self._thread = threading.Thread(target=self._run, name=f"amqp-{name}", daemon=True)

    def start(self) -> None:
        """Begins to connect; returns at once."""
        self._thread.start()

    def call(self, work: Callable[[], None]) -> None:
        """Has work done in the line's thread, unless there is no connection now; may be called from any thread."""
        with self._lock:
            if self._open is not None:
                self._open.ioloop.add_callback_threadsafe(work)

    def end(self) -> None:
        """Gives the connection up, for the next one; only in the line's thread."""
        if self._open is not None and self._open.is_open:
            self._open.close()

    def stop(self) -> None:
        """Disconnects and waits a moment for the thread."""
        self._stopping.set()
        self.call(self.end)
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        waits, in_vain = BackOff(_FIRST_WAIT_S, _LONGEST_WAIT_S), 0
        for endpoint in cycle(self._endpoints):
            if self._stopping.is_set():
                return
            self._why, self._was_open = None, False
            try:
                why = in_words(self._connect(endpoint), endpoint)
            except OSError as error:
                why = explain(error, endpoint)
            except Exception as error:  # noqa: BLE001 - whatever a broker sends, the next one is tried
                why = f"broker {endpoint.host}:{endpoint.port}: it sent something that cannot be understood ({where(error)})"
            if self._stopping.is_set():
                return
            self._on_lost(why)
            in_vain = 0 if self._was_open else in_vain + 1
            if self._was_open or in_vain % len(self._endpoints) == 0:
                self._stopping.wait(waits.next_s(useful=self._was_open))

    def _connect(self, endpoint: Endpoint) -> BaseException:
        """One connection from its beginning to its end; what ended it."""
        parameters = pika.ConnectionParameters(
            endpoint.host, endpoint.port, "/", pika.credentials.ExternalCredentials(),
            ssl_options=pika.SSLOptions(tls_context(endpoint), endpoint.host), heartbeat=_HEARTBEAT_S, connection_attempts=1,
            socket_timeout=_CONNECT_S, stack_timeout=_CONNECT_S, client_properties={"connection_name": self._name},
        )  # fmt: skip
        made = pika.SelectConnection(parameters, self._opened, self._not_opened, self._closed)
        with self._lock:
            self._open = made
        try:
            made.ioloop.start()
        finally:
            with self._lock:
                self._open = None
            made.ioloop.close()
        return self._why or ConnectionError("it ended")

    def _opened(self, connection: Connection) -> None:
        if self._stopping.is_set():
            self.end()
            return
        channel = connection.channel(on_open_callback=self._has_channel)
        channel.add_on_close_callback(self._channel_closed)
        channel.add_on_cancel_callback(lambda _method: self.end())  # the queue has gone, or moved: ask anew

    def _has_channel(self, channel: Channel) -> None:
        self._was_open = True
        self._on_channel(channel)

    def _channel_closed(self, _channel: Channel, why: Exception) -> None:
        if isinstance(why, ChannelClosedByBroker):
            self._why, self._was_open = why, False  # it is of no use as it is: ask again ever more seldom
            self.end()

    def _not_opened(self, connection: Connection, why: BaseException) -> None:
        self._closed(connection, why)

    def _closed(self, _connection: Connection, why: BaseException) -> None:
        self._why = self._why or why
        with self._lock:
            connection, self._open = self._open, None
        if connection is not None:
            connection.ioloop.stop()
