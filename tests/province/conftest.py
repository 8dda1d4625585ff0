"""What the province's tests share: one founded province with broker and collector, a new device for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from province_world import Broker, Collecting, Scanner, founded, free_port, scanner, wait_for_keyring

from province.layout import Layout


@dataclass
class World:
    layout: Layout
    broker: Broker
    collecting: Collecting
    folder: Path
    numbers: Iterator[int]

    def new_scanner(self, org: str = "bus-co") -> Scanner:
        return scanner(self.layout, self.folder, f"scanner-{next(self.numbers)}", org)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    layout = founded(folder / "province", free_port())
    with Broker(layout) as broker, Collecting(layout) as collecting:
        wait_for_keyring(scanner(layout, folder, "witness"))
        yield World(layout, broker, collecting, folder, itertools.count(1))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return founded(tmp_path / "province", free_port())
