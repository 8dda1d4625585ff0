"""Brings a retained message to every node of a RabbitMQ cluster: each keeps its own, and AMQP cannot leave any (decision 0104)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from edge_agent.link.broker_link import BrokerLink, Connected, Disconnected, Event, Message
from edge_agent.link.endpoint import Endpoint

_log = logging.getLogger(__name__)
_EVERY_S, _AGAIN_S = 900.0, 15.0  # a node may have been set up anew; one that was away comes back
_PATIENCE_S = 10.0


class RetainedRound:
    """Goes round in a thread of its own: when the message is another, every quarter of an hour, and soon again where a node was away.

    Args:
        nodes: their MQTT ports.
        client_id: our name there.
    """

    def __init__(self, nodes: Sequence[Endpoint], client_id: str) -> None:
        self._nodes, self._client_id = nodes, client_id
        self._message: Message | None = None
        self._away: set[Endpoint] = set()
        self._due = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retained-round", daemon=True)

    def start(self) -> None:
        """Begins; returns at once."""
        self._thread.start()

    def keep(self, message: Message) -> None:
        """Another message; may be called from any thread."""
        self._message = message
        self._due.set()

    def stop(self) -> None:
        """Ends after the visit in hand, whose end is not waited for."""
        self._stopping.set()
        self._due.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._due.wait(_AGAIN_S if self._away else _EVERY_S)
            asked, message = self._due.is_set(), self._message
            self._due.clear()
            whole = asked or not self._away
            for node in self._nodes:
                if message is not None and not self._stopping.is_set() and (whole or node in self._away):
                    self._visit(node, message)

    def _visit(self, node: Endpoint, message: Message) -> None:
        why = _left(node, self._client_id, message)
        if why is None:
            _log.info("the keyring is at broker %s:%d", node.host, node.port)
            self._away.discard(node)
        elif node not in self._away:
            _log.warning("the keyring is not at every node: %s; trying again", why)
            self._away.add(node)


def _left(node: Endpoint, client_id: str, message: Message) -> str | None:
    """Leaves the message at one node; None when it is there, else why not."""
    said: list[Event] = []
    heard = threading.Event()

    def on_event(event: Event) -> None:
        said.append(event)
        heard.set()

    try:
        link = BrokerLink(node, client_id, [], on_event, clean_session=True)
    except OSError as error:
        return str(error)
    link.start()
    try:
        if not heard.wait(_PATIENCE_S):
            return f"broker {node.host}:{node.port}: no answer"
        match said[0]:
            case Disconnected(why):
                return why
            case Connected() if link.publish_and_wait(message, _PATIENCE_S):
                return None
        return f"broker {node.host}:{node.port}: did not take it"
    finally:
        link.stop()
