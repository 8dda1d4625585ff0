"""The station page in the whole chain: declared on a phone, sealed by firmware, registered by the province; on no disk anybody's name."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from chain_world import Chain, chain
from province_world import ROOT, free_port
from station_world import Phone, until
from telltale import files_that_tell

from edge_agent.station import certificate
from firmware.person_codes import Person, write_person
from province.demo.synthetic import synthetic_people

PEOPLE = synthetic_people(7, seed=83)
ON_PAPER, SCANNED, TESTED, MISTYPED, LOST, STRAY, ELSEWHERE = PEOPLE


@dataclass
class Station:
    """The chain, and a phone that has entered the PIN."""

    world: Chain
    phone: Phone
    pin: str

    def declare(self, person: Person, **wrong: str) -> str:
        """Fills in the form and returns the page that answers."""
        born = person.birth_date or ""
        typed = {"way": "0", "name": person.name, "id_number": person.id_number, "birth_date": "/".join(reversed(born.split("-"))), **wrong}
        return self.phone.post("/vi/paper", {**typed, "phone": person.phone or "", **self.phone.form("/vi/paper")}).text


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    with chain(tmp_path) as world:
        gate, port = world.gate, free_port()
        with gate.config.open("a", encoding="utf-8") as config:
            config.write(f'\n[station]\nenabled = true\nlisten = "127.0.0.1"\nport = {port}\n')
        made = subprocess.run(
            [sys.executable, "-m", "edge_agent", "station", "pin", "--config", str(gate.config)],
            capture_output=True, text=True, check=True, cwd=ROOT,
        ).stdout  # fmt: skip
        found = re.search(r"PIN +(\d{4} \d{4})\n", made)
        assert found is not None, made
        world.broker.start()
        gate.open()
        gate.agent.start()
        gate.agent.wait_until_logged("station page: https://gate-")
        file = certificate.files(gate.state)[0]
        certified = certificate.make_sure(gate.state, "", ())
        assert certificate.fingerprint(certified)[:47] in made
        phone = Phone(port, file, certificate.covered(certified)[0])
        assert phone.enter(found[1]).status == 303
        until(lambda: "không trả lời" not in phone.get("/vi/paper").text)  # firmware is heard
        yield Station(world, phone, found[1])


def test_who_is_declared_on_paper_is_registered_and_nothing_on_the_way_tells_of_them(station: Station, tmp_path: Path) -> None:
    world, phone = station.world, station.phone
    form = phone.form("/vi/paper")
    typed = {"way": "0", "name": ON_PAPER.name, "id_number": ON_PAPER.id_number, "birth_date": ON_PAPER.birth_date or "", **form}
    for _ in range(2):  # a tap too many
        assert "Đã ghi nhận và niêm phong" in phone.post("/vi/paper", typed).text
    world.gate.pass_by([SCANNED])
    until(lambda: "giấy" in phone.get("/vi/gate").text and phone.get("/vi/gate").text.count("<li>") == 2)
    assert not any(person.name in phone.get("/vi/gate").text for person in PEOPLE)
    phone.post("/vi/reader", {"lane": "in", **phone.form("/vi/reader")})
    until(lambda: "Đang chờ mã" in phone.get("/vi/reader").text)
    world.gate.port.send(write_person(TESTED).encode() + b"\r\n")
    until(lambda: "<li><b>Mã cá nhân</b>" in phone.get("/vi/reader").text)
    world.collect()
    world.wait_until_receipted()
    assert world.passages_of([ON_PAPER, SCANNED, TESTED]) == [1, 1, 0]
    until(lambda: "đã nối" in phone.get("/vi/health").text)
    assert files_that_tell(tmp_path, PEOPLE) == []


def test_where_things_go_wrong_nothing_tells_of_them_either(station: Station, tmp_path: Path) -> None:
    world, phone = station.world, station.phone
    assert "Hãy sửa các ô" in station.declare(MISTYPED, birth_date="31/02/1990")
    assert "Hãy sửa các ô" in station.declare(MISTYPED, way="999", sex=MISTYPED.name)
    name = quote(STRAY.name)
    phone.get(f"/vi/{name}?name={name}&number={STRAY.id_number}", Referer=f"https://x/{name}", User_Agent=name)
    phone.post(f"/vi/{STRAY.id_number}", {STRAY.name: STRAY.id_number})
    phone.post("/vi/paper", {STRAY.name: STRAY.id_number}, Origin=f"https://{STRAY.id_number}")
    phone.get("/vi/gate", Host=STRAY.id_number)
    phone.get("/vi/gate", Cookie=f"__Host-station={STRAY.id_number}")
    phone.enter(STRAY.id_number)
    phone.ask("POST", "/vi/paper", STRAY.id_number * 1000)
    with closing(phone.connection()) as connection:  # no HTTP at all
        connection.connect()
        connection.sock.sendall(f"{STRAY.id_number}\r\n\r\n".encode())
        connection.sock.recv(1000)
    phone.enter(station.pin)
    world.gate.firmware.end(signal.SIGKILL)
    assert "Chưa gửi" in station.declare(LOST)
    world.gate.agent.end(signal.SIGABRT)  # as the watchdog ends it: the tracebacks of all threads go into the log
    assert files_that_tell(tmp_path, PEOPLE) == []


def test_a_page_that_cannot_be_opened_leaves_the_agent_carrying(tmp_path: Path) -> None:
    with chain(tmp_path) as world:
        gate = world.gate
        with gate.config.open("a", encoding="utf-8") as config:
            config.write('\n[station]\nenabled = true\nlisten = "192.0.2.77"\n')  # no address of this machine
        world.broker.start()
        gate.open()
        gate.agent.start()
        gate.agent.wait_until_logged("station page: 192.0.2.77:8443: cannot be had")
        gate.pass_by([ELSEWHERE])
        world.collect()
        world.wait_until_receipted()
        assert world.passages_of([ELSEWHERE]) == [1]
        assert gate.agent.end() == 0
