"""The operator's place at the broker: sends messages to scanners and hears what becomes of them."""

from __future__ import annotations

import queue
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic

from edge_agent.base.process_lock import AlreadyRunning, ProcessLock
from edge_agent.link.broker_link import Arrived, BrokerLink, Connected, Disconnected, Event, Message
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire import topics
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.errors import ProvinceError
from province.base.layout import COMMANDER, Layout

_CONNECT_S, _SEND_S = 15.0, 15.0


@dataclass
class Desk:
    """An open connection."""

    link: BrokerLink
    events: queue.SimpleQueue[Event]

    def send(self, message: Message) -> None:
        """Publishes, and waits until the broker has it.

        Raises:
            ProvinceError: it has not.
        """
        if not self.link.publish_and_wait(message, _SEND_S):
            raise ProvinceError("the broker has not acknowledged it in time; whether it arrives nobody knows. `again` is safe.")

    def heard(self, within_s: float) -> Iterator[Arrived]:
        """What comes, until the time is over; a lost connection is waited out."""
        end_s = monotonic() + within_s
        while (left_s := end_s - monotonic()) > 0:
            try:
                event = self.events.get(timeout=left_s)
            except queue.Empty:
                return
            if isinstance(event, Arrived):
                yield event


@contextmanager
def at_the_broker(
    layout: Layout, address: tuple[str, int], names: Collection[DeviceName], *leaves: Leaf, user: str = COMMANDER
) -> Iterator[Desk]:
    """Connects as the operator, listening to some leaves of some scanners; the only one, for the broker knows one of them.

    Args:
        layout: the province's folder, or a desk's.
        address: of the broker.
        names: the scanners; none: all.
        leaves: what they say.
        user: who we are at the broker.

    Raises:
        ProvinceError: another one works, or the broker does not let us in.
    """
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with ExitStack() as stack:
        try:
            stack.enter_context(ProcessLock(layout.commands_lock, "gate-province command or config"))
            topics_of = [name.topic(leaf) for name in names for leaf in leaves] or [topics.of_all(leaf) for leaf in leaves]
            link = _link(layout, address, user, topics_of, events)
        except AlreadyRunning as error:
            raise ProvinceError(f"{error}.") from None
        except OSError as error:
            advice = f"make it: gate-province command prepare {layout.root}"
            raise ProvinceError(f"{layout.commander}: the operator's certificate cannot be used ({error}); {advice}.") from None
        stack.callback(link.stop)
        link.start()
        _wait_until_in(events)
        yield Desk(link, events)


def _link(layout: Layout, address: tuple[str, int], user: str, wanted: Sequence[str], events: queue.SimpleQueue[Event]) -> BrokerLink:
    own = layout.commander
    endpoint = Endpoint(*address, layout.authority_certificate, own / "client.crt", own / "client.key")
    return BrokerLink(endpoint, user, wanted, events.put, clean_session=True)


def _wait_until_in(events: queue.SimpleQueue[Event]) -> None:
    end_s, why = monotonic() + _CONNECT_S, "no answer"
    while (left_s := end_s - monotonic()) > 0:
        try:
            event = events.get(timeout=left_s)
        except queue.Empty:
            break
        if isinstance(event, Connected):
            return
        if isinstance(event, Disconnected):
            why = event.why
    raise ProvinceError(f"{why}. Nothing was sent.")
