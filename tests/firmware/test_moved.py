"""A ticket moves a running gate: it closes at the old place and opens at the new, every lane of it, and goes on with its log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from gate_run import Gate
from gate_world import Enrolled, Reader, gate_toml, wait_until
from parts_world import Contact, counters, notes, wait_for_inputs
from unread_documents import unreadable

from edge_agent.device import identity
from edge_agent.device.documents import FILE_NAME, Documents
from edge_agent.wire.entry import Kind
from firmware.person_codes import write_person
from firmware.place import WatchedPlace
from province.demo.synthetic import synthetic_people

CODES = [write_person(person) for person in synthetic_people(5)]


def move(enrolled: Enrolled, **place: str) -> None:
    """What gate-agent does with a ticket for another place."""
    with closing(Documents(enrolled.state)) as documents:
        documents.put(identity.ENROLMENT, {**(documents.get(identity.ENROLMENT) or {}), **place})


def both_lanes_read(enrolled: Enrolled) -> None:
    wait_until(lambda: set(counters(enrolled).get("sources", {}).values()) == {"working"}, "both lanes read")


@pytest.fixture
def enrolled(tmp_path: Path) -> Enrolled:
    return Enrolled(tmp_path / "state", tmp_path / "run")


@pytest.fixture
def readers(tmp_path: Path) -> Iterator[tuple[Reader, Reader]]:
    with ExitStack() as ending:
        made = (Reader(tmp_path / "in"), Reader(tmp_path / "out"))
        for reader in made:
            ending.callback(reader.unplug)
        yield made


@pytest.fixture
def gate(enrolled: Enrolled, readers: tuple[Reader, Reader]) -> Iterator[Gate]:
    lanes = ({"name": name, "direction": name, "reader": reader.url} for name, reader in zip(("in", "out"), readers, strict=True))
    gate = Gate(gate_toml(enrolled, *lanes))
    gate.out.wait_for("ready")
    yield gate
    gate.kill()


def test_it_records_at_the_new_place_without_anybody_starting_it_anew(
    enrolled: Enrolled, readers: tuple[Reader, Reader], gate: Gate
) -> None:
    both_lanes_read(enrolled)
    for count, reader in enumerate(readers, 1):
        reader.scan(CODES[count])
        gate.out.wait_for("accepted", count)
    move(enrolled, gate="B")
    gate.out.wait_for("ready", 2)
    shown = [line.split()[-1] for line in gate.out.lines]
    assert shown[-3:] == ["closed", "starting", "ready"]
    both_lanes_read(enrolled)
    for count, reader in enumerate(readers, 3):
        reader.scan(CODES[count])
        gate.out.wait_for("accepted", count)
    assert gate.stop() == 0
    headers = [sealed.header for sealed in enrolled.sealed()]
    told = [(header.gate, header.kind) for header in headers]
    once = [Kind.BOOT, Kind.PASSAGE, Kind.PASSAGE, Kind.CLOSE]
    assert told == [("A", kind) for kind in once] + [("B", kind) for kind in once]
    assert [header.seq for header in headers] == list(range(1, 9))
    assert len({header.log for header in headers}) == 1
    assert notes(enrolled, Kind.CLOSE) == [{"reason": "moved"}, {"reason": "stop"}]
    assert notes(enrolled, Kind.BOOT)[1]["new_outbox"] == 0


def test_a_keyring_and_a_ticket_for_the_same_place_move_nobody(enrolled: Enrolled) -> None:
    watched = WatchedPlace(enrolled.state, enrolled.identity())
    assert not watched.is_left()
    enrolled.offer(enrolled.province.keyring(counter=2))
    assert not watched.is_left()
    move(enrolled, host="broker-2")
    assert not watched.is_left()
    for place in ({"gate": "B"}, {"gate": "A", "site": "Chợ Đông Ba"}):
        move(enrolled, **place)
        assert watched.is_left()
    move(enrolled, gate="A", site="Chợ Lớn")
    assert not watched.is_left()


def test_what_cannot_be_read_now_moves_nobody_and_is_read_again(enrolled: Enrolled) -> None:
    watched, file = WatchedPlace(enrolled.state, enrolled.identity()), enrolled.state / FILE_NAME
    move(enrolled, gate="B")
    (enrolled.state / f"{FILE_NAME}.previous").unlink()
    whole = file.read_bytes()
    file.write_bytes(whole[:-10])
    assert not watched.is_left()
    file.write_bytes(whole)
    assert watched.is_left()
    file.unlink()
    assert not watched.is_left()


def moves_back(enrolled: Enrolled, opened: identity.Identity) -> bool:
    return WatchedPlace(enrolled.state, opened).is_left()


def opens_at_the_old_place(enrolled: Enrolled, opened: identity.Identity) -> bool:
    return identity.load(enrolled.state).gate != opened.gate


@pytest.mark.parametrize("wrong", [moves_back, opens_at_the_old_place])
def test_documents_that_are_away_for_a_moment_move_nobody_back(
    enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch, wrong: Callable[[Enrolled, identity.Identity], bool]
) -> None:
    move(enrolled, gate="B")
    opened = enrolled.identity()
    unreadable(monkeypatch, enrolled.state / FILE_NAME, 2)  # as often as one look reads it
    assert not wrong(enrolled, opened)


def test_a_gate_that_rests_without_power_opens_at_its_new_place(enrolled: Enrolled, readers: tuple[Reader, Reader], tmp_path: Path) -> None:
    supply = Contact(tmp_path / "power-fail")
    more = f'[[input]]\nname = "supply"\nrole = "power-fail"\nswitch = "{supply.url}"\n'
    gate = Gate(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": readers[0].url}, more=more))
    try:
        gate.out.wait_for("ready")
        wait_for_inputs(enrolled)
        supply.be(True)
        gate.err.wait_for("the gate is closed until it is back")
        move(enrolled, gate="B")
        supply.be(False)
        gate.out.wait_for("ready", 2)
        assert gate.stop() == 0
    finally:
        gate.kill()
        supply.close()
    told = [(sealed.header.gate, sealed.header.kind) for sealed in enrolled.sealed()]
    assert told == [("A", Kind.BOOT), ("A", Kind.EVENT), ("A", Kind.CLOSE), ("B", Kind.BOOT), ("B", Kind.CLOSE)]
