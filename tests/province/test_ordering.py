"""What an operator's desk makes of results: nonces answered once, strangers' words ignored, pieces put together; and older provinces."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from province_world import Scanner, founded, scanner

from edge_agent.link.broker_link import Arrived, Message
from edge_agent.wire import command, results
from edge_agent.wire.authority import Power
from edge_agent.wire.command import Action, Signed
from edge_agent.wire.results import Result, State
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms
from province.base.errors import NotAProvince, ProvinceError
from province.base.layout import Layout
from province.commands import issuing, operators
from province.commands.operating import Desk
from province.commands.ordering import Order
from province.commands.scanners import Registered
from province.keys import officers
from province.keys.officers import read_root_key, read_root_public
from province.registry import revocations

NAME, NONCE = DeviceName("bus-co", "scanner-1"), bytes(range(16))
LOG = bytes(16)


@dataclass
class Broker:
    """The desk's side of the broker, with words put into scanners' mouths."""

    key: Ed25519PrivateKey  # of the scanner
    sent: list[Message] = field(default_factory=list)
    said: list[tuple[str, bytes]] = field(default_factory=list)

    def send(self, message: Message) -> None:
        self.sent.append(message)

    def heard(self, _within_s: float) -> Iterator[Arrived]:
        while self.said:
            topic, payload = self.said.pop(0)
            yield Arrived(topic, payload, retained=False, handle=(0, 1))

    def say(self, result: Result, name: DeviceName = NAME) -> None:
        self.said.append((name.topic(Leaf.RESULTS), results.encode(result if result.parts else results.prove(result, name, self.key))))


@pytest.fixture
def device(tmp_path: Path) -> Scanner:
    return scanner(founded(tmp_path / "province"), tmp_path)


@pytest.fixture
def layout(device: Scanner, tmp_path: Path) -> Layout:
    assert device.name == NAME
    return Layout(tmp_path / "province")


@pytest.fixture
def broker(device: Scanner) -> Broker:
    return Broker(device.signing_key)


@pytest.fixture
def order(layout: Layout) -> Iterator[Order]:
    with closing(revocations.connect(layout, now_ms())) as connection:
        connection.execute("INSERT INTO ledger VALUES (?, ?, ?, 1, ?, 1, ?)", (NAME.org, NAME.device, LOG, bytes(32), bytes(32)))
        yield Order(layout, Registered(connection), Action.OPEN, (), 60_000, now_ms, lambda _name, _result: None)


def newest(broker: Broker, layout: Layout) -> Signed:
    return command.verify(broker.sent[-1].payload, read_root_public(layout), now_ms())


def test_a_nonce_is_answered_once(order: Order, layout: Layout, broker: Broker) -> None:
    order.send(cast(Desk, broker), NAME)
    first = newest(broker, layout)
    assert (first.command.log, first.command.nonce, first.power, broker.sent[0].retain) == (LOG, None, Power.CONFIGURE, False)
    broker.say(Result(first.issuer, first.command.counter, "open", State.REFUSED, "no-clock", "words", NONCE.hex()))
    order.follow(cast(Desk, broker), 1.0)
    second = newest(broker, layout)
    assert (second.command.nonce, len(broker.sent)) == (NONCE, 2)
    assert second.command.counter > first.command.counter
    broker.say(Result(first.issuer, second.command.counter, "open", State.REFUSED, "no-clock", "words", NONCE.hex()))
    order.follow(cast(Desk, broker), 1.0)
    assert len(broker.sent) == 2
    assert order.ends[NAME].reason == "no-clock"


def test_what_is_none_of_ours_is_passed_over(order: Order, layout: Layout, broker: Broker) -> None:
    order.send(cast(Desk, broker), NAME)
    broker.say(Result("k", newest(broker, layout).command.counter, "open", State.SUCCESSFUL))  # our number, of another key
    broker.say(Result("k", 1, "open", State.SUCCESSFUL))  # another command's
    broker.say(Result("k", 1, "open", State.SUCCESSFUL), DeviceName("bus-co", "another"))
    broker.said += [("elsewhere", b"{}"), (NAME.topic(Leaf.RESULTS), b"no JSON")]
    order.follow(cast(Desk, broker), 1.0)
    assert order.silent() == [NAME]


def test_what_the_scanner_has_not_signed_or_says_otherwise_is_passed_over(order: Order, layout: Layout, broker: Broker) -> None:
    order.send(cast(Desk, broker), NAME)
    ordered = newest(broker, layout)
    end = Result(ordered.issuer, ordered.command.counter, "open", State.FAILED, "cut-short", "words")
    good = results.prove(end, NAME, broker.key)
    others = [
        replace(good, state=State.SUCCESSFUL, reason=""), replace(good, detail="others"), replace(good, proof=""),
        replace(good, proof="\ud800"),
        replace(end, proof=results.prove(end, DeviceName("bus-co", "another"), broker.key).proof),
        results.prove(end, NAME, Ed25519PrivateKey.generate()),
    ]  # fmt: skip
    broker.said += [(NAME.topic(Leaf.RESULTS), results.encode(one)) for one in others[:3] + others[4:]]
    order.follow(cast(Desk, broker), 1.0)
    assert order.silent() == [NAME]
    assert not any(results.is_proved(one, NAME, broker.key.public_key()) for one in others)
    broker.said.append((NAME.topic(Leaf.RESULTS), results.encode(good)))
    order.follow(cast(Desk, broker), 1.0)
    assert order.ends[NAME].reason == "cut-short"


def test_pieces_are_put_together_in_their_order(order: Order, layout: Layout, broker: Broker) -> None:
    order.send(cast(Desk, broker), NAME)
    sent = newest(broker, layout)
    issuer, counter = sent.issuer, sent.command.counter
    for part, data in ((2, b"two"), (1, b"one"), (2, b"two"), (9, b"nine")):
        broker.say(Result(issuer, counter, "open", State.RUNNING, part=part, parts=2, data=base64.b64encode(data).decode()))
    broker.say(Result(issuer, counter, "open", State.SUCCESSFUL))
    order.follow(cast(Desk, broker), 1.0)
    assert order.received(NAME) == b"onetwo"
    assert order.received(DeviceName("bus-co", "another")) is None


def test_a_disk_that_takes_nothing_is_told_and_nothing_is_sent(order: Order, layout: Layout, broker: Broker) -> None:
    with pytest.raises(ProvinceError, match="no command was sent to it from here"):
        issuing.last_sent(layout, NAME)
    (layout.commands / f"{NAME.org}.{NAME.device}.command").mkdir()
    for doing in (lambda: order.send(cast(Desk, broker), NAME), lambda: issuing.last_sent(layout, NAME)):
        with pytest.raises(ProvinceError, match=r"scanner-1\.command: cannot be (written|read)"):
            doing()
    assert broker.sent == []


def test_without_a_log_nothing_is_sent(layout: Layout) -> None:
    with closing(revocations.connect(layout, now_ms())) as connection, pytest.raises(ProvinceError, match="first entry"):
        Registered(connection).log(NAME)


def test_the_newest_log_that_no_other_follows_is_meant(order: Order) -> None:
    later = bytes([1]) * 16
    insert = "INSERT INTO ledger VALUES (?, ?, ?, 1, ?, 1, ?)"
    registered = cast(Registered, order.scanners)
    registered.connection.execute(insert, (NAME.org, NAME.device, later, bytes(32), bytes(32)))
    registered.connection.execute("INSERT INTO announced VALUES (?, ?, ?, 1, ?, ?)", (NAME.org, NAME.device, LOG, bytes(32), later))
    assert registered.log(NAME) == later


def test_an_older_province_is_made_ready_once(layout: Layout) -> None:
    kept = officers.load_officer(layout, Power.RECEIPTS).certificate
    for power in command.POWERS:
        officers.key_file(layout, power).unlink()
        officers.certificate_file(layout, power).unlink()
    shutil.rmtree(layout.commander)
    shutil.rmtree(layout.commands)
    layout.broker_rules.write_text("older", "utf-8")
    assert not operators.is_ready(layout)
    root = read_root_key(layout, layout.root_key)
    operators.prepare(layout, root, now_ms())
    assert operators.is_ready(layout)
    assert "user province/commander" in layout.broker_rules.read_text("utf-8")
    made = officers.load_officer(layout, Power.CONFIGURE).certificate
    operators.prepare(layout, root, now_ms())
    assert officers.load_officer(layout, Power.CONFIGURE).certificate == made
    assert officers.load_officer(layout, Power.RECEIPTS).certificate == kept


def test_a_scanner_that_is_not_here_is_not_ordered(layout: Layout) -> None:
    with closing(revocations.connect(layout, now_ms())) as connection:
        for text in ("bus-co/scanner-9", "bus-co", "bus-co/UPPER"):
            with pytest.raises(NotAProvince):
                Registered(connection).named(text)
