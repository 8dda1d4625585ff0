"""What the province's tests share: one founded province with broker and collector, a new device for each test."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from old_province import founded_ago, kept_up
from postgres_world import BIN, MISSING, Server
from province_world import Broker, Collecting, Scanner, founded, free_port, scanner, wait_for_keyring
from rabbit_world import Rabbit

from province.base.layout import Layout


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


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rabbit]:
    """A RabbitMQ with the rights of `access_table`'s devices; it takes ten seconds to start, so there is one for all."""
    folder = tmp_path_factory.mktemp("rabbit")
    made = Rabbit(founded(folder / "province", free_port()), folder)
    made.start()
    try:
        yield made
    finally:
        made.stop()


IN_BOTH = {
    "test_logic",
    "test_reopening",
    "test_dated_ahead",
    "test_waiting_room",
    "test_proving",
    "test_flooded_log",
    "test_admission",
    "test_backup",
    "test_day_counts",
    "test_registry",
    "test_boards",
    "test_registry_commands",
    "test_registry_import",
    "test_tracing_oracle",
    "test_accounts",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What holds of the register holds of it in a file and in PostgreSQL."""
    if metafunc.module.__name__ in IN_BOTH and "register_in" in metafunc.fixturenames:
        metafunc.parametrize("register_in", ["file", "postgresql"], indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    if BIN is None:
        pytest.skip(MISSING)
    server = Server().start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def register_in(request: pytest.FixtureRequest) -> Callable[[Layout], Layout]:
    """Puts a new province's register where the test wants it."""
    if getattr(request, "param", "file") == "file":
        return lambda layout: layout
    server: Server = request.getfixturevalue("postgres")
    return server.moved_here


@pytest.fixture
def layout(tmp_path: Path, register_in: Callable[[Layout], Layout]) -> Layout:
    return register_in(founded(tmp_path / "province", free_port()))


@pytest.fixture(scope="session")
def month_old(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = founded_ago(tmp_path_factory.mktemp("month-old") / "province", 30)
    kept_up(made, 30)
    return made


@pytest.fixture
def old_layout(month_old: Layout, tmp_path: Path, register_in: Callable[[Layout], Layout]) -> Layout:
    """A copy of a province that was founded 30 days ago and has keys of every day since; not for a broker."""
    shutil.copytree(month_old.root, tmp_path / "province")
    return register_in(Layout(tmp_path / "province"))
