"""Fixtures that the firmware's tests share: an enrolled device, a gate on a bench, a reader on a pseudo-terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from gate_bench import Bench
from gate_world import Enrolled, Reader, add_test_drivers


@pytest.fixture
def enrolled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Enrolled:
    """A device, in whose settings the drivers `spy:` and `told:` may be named."""
    add_test_drivers(monkeypatch)
    return Enrolled(tmp_path / "state", tmp_path / "run")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path / "tty")
    yield reader
    reader.unplug()


@pytest.fixture
def bench(enrolled: Enrolled) -> Iterator[Bench]:
    with closing(Bench(enrolled)) as bench:
        yield bench
