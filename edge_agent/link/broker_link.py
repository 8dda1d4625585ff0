"""Keeps one MQTT connection to the broker alive: mutual TLS, persistent session, jittered back-off, errors in plain words.

Used by the device's agent and by the province's collector, so that both ends behave alike (decision 0005). paho-mqtt does the
protocol; its own reconnecting is off because it hides why a connection failed and has no jitter.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import paho.mqtt.client as mqtt
from paho.mqtt.client import MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.base.backoff import BackOff
from edge_agent.link.broker_tls import CONNECT_S, NOT_ACCEPTED, Outdated, explain, is_refusal, refuse_outdated, tls_context
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire.packet_lengths import WatchedStream

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0
_STOP_S = 2.0
_LIVENESS_S = 1.0
_STEADY_S = 5.0
_SILENT = "Keep alive timeout"  # paho's reason for giving a connection up itself: MQTT 5, section 2.4, 0x8D


@dataclass(frozen=True, slots=True)
class Message:
    """Something to publish."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker accepted us and our subscriptions were sent."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """No connection now; `why` is for people, and says what to check; `refused`: the broker is there and does not want us."""

    why: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message came in; with manual acknowledgement call `acknowledge` with its handle."""

    topic: str
    payload: bytes
    retained: bool
    handle: tuple[int, int]


Event: TypeAlias = Connected | Disconnected | Arrived


def _in_hand(info: MQTTMessageInfo) -> bool:
    if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:  # not taken at all
        return False
    try:
        return not info.is_published()
    except RuntimeError:  # taken without a connection: the next one carries it
        return True


class BrokerLink:
    """One connection, kept alive in a thread of its own until `stop`.

    Args:
        endpoint: the broker and our certificate.
        client_id: our name there; equal to the certificate's common name.
        subscriptions: topics read with QoS 1.
        on_event: called in the link's thread for each event; must return soon and not raise.
        will: what the broker says for us when we vanish.
        manual_ack: acknowledge each message only when `acknowledge` is called for it.
        keepalive_s: within one and a half times this the broker misses us, and we miss the broker.
        clean_session: False keeps our subscriptions and undelivered messages at the broker while we are away.

    Attributes:
        leave: what we say ourselves before we connect anew: the will, unless it was set to another word before `start`.

    Raises:
        OSError: certificate or key files cannot be read; the message names them.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        client_id: str,
        subscriptions: Sequence[str],
        on_event: Callable[[Event], None],
        *,
        will: Message | None = None,
        manual_ack: bool = False,
        keepalive_s: int = 30,
        clean_session: bool = False,
    ) -> None:
        self._endpoint = endpoint
        self._subscriptions = [(topic, 1) for topic in subscriptions]
        self._on_event = on_event
        # paho gives a silent connection up after twice what it is told: once to ask, once to wait for the answer
        self._patience_s = max(1, keepalive_s * 3 // 4)
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._pause = threading.Event()
        self._accepted_s: float | None = None
        self._useful = False
        self._refused = self._silent = False
        self._why = ""
        self._stream: object = None
        self._client_id = client_id
        self._will, self.leave = will, will
        self._manual_ack = manual_ack
        self._clean_session = clean_session
        self._tls = tls_context(endpoint)
        self._client = self._new_client()
        self._thread = threading.Thread(target=self._run, name="broker-link", daemon=True)

    def _new_client(self) -> mqtt.Client:
        """A client for one connection: an old one would keep, send again and pile up what was not acknowledged before."""
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=self._clean_session,
            manual_ack=self._manual_ack,
            reconnect_on_failure=False,
        )
        self._tls.sslsocket_class = WatchedStream
        client.tls_set_context(self._tls)
        client.connect_timeout = CONNECT_S
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, self._will.qos, self._will.retain)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._arrived
        return client

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us; whoever is told by `on_event` may learn it later."""
        return self._client.is_connected()

    def start(self) -> None:
        """Begins to connect; returns at once."""
        self._thread.start()

    def renew(self) -> None:
        """Connects anew, with the certificate files as they are now; returns at once.

        Nobody knows yet whether we shall come back, and a DISCONNECT makes the broker forget our last will (MQTT 3.1.1, section 3.14.4).
        So we say first that we leave, with QoS 0, which does not wait behind what is not acknowledged yet.
        """
        if self.leave is not None:
            self._client.publish(self.leave.topic, self.leave.payload, 0, self.leave.retain)
        self._client.disconnect()
        self._pause.set()

    def publish(self, message: Message) -> Callable[[], bool]:
        """Hands a message to the connection; what is not acknowledged when it breaks may be lost, so keep your own.

        Returns:
            Tells whether it is still in hand: not yet with the broker. To publish it again then would only make a slow line slower.
        """
        return partial(_in_hand, self._client.publish(message.topic, message.payload, message.qos, message.retain))

    def publish_and_wait(self, message: Message, timeout_s: float) -> bool:
        """Publishes and waits until the broker has it; False when it has not within the time."""
        info = self._client.publish(message.topic, message.payload, message.qos, message.retain)
        try:
            info.wait_for_publish(timeout_s)
        except (RuntimeError, ValueError):
            return False
        return bool(info.is_published())

    def acknowledge(self, handle: tuple[int, int]) -> None:
        """Tells the broker that a message is safe with us."""
        self._client.ack(*handle)

    def stop(self) -> None:
        """Disconnects cleanly and waits a moment for the thread to end; one that hangs in a dead network is left to the process's end."""
        self._stopping.set()
        self._pause.set()
        self._client.disconnect()
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        waits = BackOff(_FIRST_WAIT_S, _LONGEST_WAIT_S)
        while True:
            self._ended.clear()
            if self._stopping.is_set():
                return
            self._accepted_s, self._useful, self._refused, self._silent, self._why = None, False, False, False, ""
            try:
                self._client.connect(self._endpoint.host, self._endpoint.port, self._patience_s)
                self._check_time()
                self._client.loop_start()  # paho's own thread: only then is publishing from other threads safe
                self._wait_for_the_end()
                self._client.loop_stop()
                self._why = self._why or self._why_ended()
            except (OSError, ValueError) as error:  # ValueError: a host name or port that cannot be one
                self._why, self._refused = explain(error, self._endpoint), is_refusal(error)
            if self._stopping.is_set():
                return
            self._client = self._new_client()
            self._on_event(Disconnected(self._why, self._refused))
            self._pause.wait(waits.next_s(useful=self._was_useful()))
            self._pause.clear()
            self._read_files_again()

    def _was_useful(self) -> bool:
        """Whether the connection that ended brought something but what every new one brings, or stood a while."""
        return self._useful or (self._accepted_s is not None and time.monotonic() - self._accepted_s >= _STEADY_S)

    def _check_time(self) -> None:
        self._stream = stream = self._client.socket()
        if isinstance(stream, ssl.SSLSocket):
            try:
                refuse_outdated(stream, self._endpoint.known_ms())
            except Outdated:
                stream.close()
                raise

    def _read_files_again(self) -> None:
        """A certificate may have been renewed; files that cannot be read now leave what was read before."""
        with contextlib.suppress(OSError):
            self._tls = tls_context(self._endpoint)
            self._client = self._new_client()

    def _wait_for_the_end(self) -> None:
        """Waits until the connection has ended, also when paho's thread has died without a word: a broker may send it anything."""
        while not self._ended.wait(_LIVENESS_S):
            thread = self._client._thread  # noqa: SLF001 - paho offers no other sign of life
            if thread is not None and thread.is_alive():
                continue
            if not self._ended.is_set():  # looked at once more: it says so before it goes
                self._why = f"broker {self._endpoint.host}:{self._endpoint.port}: it sent something that cannot be understood"
            return

    def _why_ended(self) -> str:
        where = f"broker {self._endpoint.host}:{self._endpoint.port}"
        if isinstance(self._stream, WatchedStream) and self._stream.too_large:
            return f"{where}: it began {self._stream.too_large}: check that this is the province's broker"
        if self._accepted_s is None and self._silent:
            return f"{where}: no answer to our sign-in within {self._patience_s} s: check the network, and what listens there"
        if self._accepted_s is None:
            self._refused = True
            return f"{where}: it closed the connection during sign-in: {NOT_ACCEPTED}, or another client uses our name"
        return f"{where}: the connection was lost"

    def _connected(
        self, client: mqtt.Client, _userdata: object, _flags: mqtt.ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refused = True
            self._why = f"broker {self._endpoint.host}:{self._endpoint.port}: refused us ({reason}): check that this device is registered"
            return
        self._accepted_s = time.monotonic()
        if self._subscriptions:
            client.subscribe(self._subscriptions)
        self._on_event(Connected())

    def _disconnected(
        self, _client: mqtt.Client, _userdata: object, _flags: mqtt.DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._silent = reason == _SILENT
        self._ended.set()

    def _arrived(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        self._useful = self._useful or not message.retain
        self._on_event(Arrived(message.topic, bytes(message.payload), message.retain, (message.mid, message.qos)))
