"""Someone is found again by any number that any of their codes carried, however it is written; nobody else is."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import World
from province_world import ROOT, Log, passage, session

from firmware.person_codes import read_person
from firmware.recording import recorded_person

NAME = "Nguyễn Văn A"
CODES = (
    f"001099012345|012345678|{NAME}|15031999|Nam||10052021",  # 1: ID card with the old number
    "012345678|NGUYEN VAN A|1999-03-15|0|162979388586171100|<1<DN4010100000001<0100123456",  # 2: national code by the old number
    f"DN4010100000001|{NAME.encode().hex()}|15/03/1999|1{'|-' * 10}|$",  # 3: insurance card of 15 characters
    f"0100000001|{NAME.encode().hex()}|1999|1{'|-' * 10}|$",  # 4: the same since 2021
    f"001099012345|{NAME.encode().hex()}|15/03/1999|1{'|-' * 10}|$",  # 5: the same since 2025
    "B1234567|ANNA MUSTER|1980-01-18|0|162979388586171101|<2<<+84100123457",  # 6: a foreigner
    "001099******|NGUYEN VAN A|1999-03-15|0|162979388586171100|<1",  # 7: hidden in part: found by nothing
)


@pytest.mark.parametrize(
    "number, passages",
    [
        ("001099012345", {1, 5}),
        ("001 099 012 345", {1, 5}),
        ("012345678", {1, 2}),
        ("DN 4 01 0100000001", {2, 3, 4}),
        ("HT2 99 0100000001", {2, 3, 4}),
        ("0100000001", {2, 3, 4}),
        ("b1234567", {6}),
        ("+84 100 123 456", {2}),
        ("0100123457", {6}),
        ("001099******", set()),
        ("001099012346", set()),
    ],
)
def test_a_number_finds_its_passages(delivered: World, number: str, passages: set[int]) -> None:
    command = [sys.executable, "-m", "province", "find", str(delivered.layout.root), "--reason", "case 1", "--json"]
    done = subprocess.run(command, input=number, capture_output=True, text=True, cwd=ROOT, check=True)
    assert json.loads(done.stdout)["count"] == len(passages)


@pytest.fixture(scope="module")
def delivered(world: World) -> World:
    scanner = world.new_scanner()
    log = Log.new(scanner)
    with session(scanner) as device:
        device.deliver(*(log.append(passage(recorded_person(read_person(text)))) for text in CODES))
    return world
