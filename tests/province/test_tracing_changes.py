"""Whether an account was changed of late is read off the end of the audit log, however long that is, and off nothing before."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from province_world import founded
from sqlalchemy import insert

from edge_agent.wire.cbor import Malformed
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.records import audit
from province.records.audit import Line
from province.store import database, schema
from province.store.opened import Connection
from province.tracing import approving
from province.tracing.approving import Changes

OWN, OTHER = "k7m2pq9x", "abcdefgh"
PIECE = 3


@dataclass
class Log:
    """A province's log, and what was written there: when, what, by whom, about whom."""

    layout: Layout
    connection: Connection
    written: list[tuple[int, str, str, str]] = field(default_factory=list)
    clock: Iterator[int] = field(default_factory=lambda: itertools.count(1_700_000_000_000, 1000))

    def write(self, action: str, officer: str, whose: str, at_ms: int | None = None) -> int:
        at_ms = next(self.clock) if at_ms is None else at_ms

        def make(number: int, previous: bytes) -> Line:
            return Line(number, previous, at_ms, action, officer, "web", f"{whose} tracer 46")

        audit.append(self.connection, self.layout.register, Keystore(self.layout.keystore), make)
        self.written.append((at_ms, action, officer, whose))
        return at_ms

    def changed_since(self, at_ms: int) -> bool:
        return any(
            when >= at_ms and action.startswith("account-") and officer != OWN and whose == OWN
            for when, action, officer, whose in self.written
        )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approving, "_PIECE", PIECE)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    layout = founded(tmp_path_factory.mktemp("changes") / "province")
    with closing(database.connect(layout.register)) as connection:
        yield Log(layout, connection)


@pytest.fixture
def opened(layout: Layout) -> Iterator[Callable[[], Log]]:
    with closing(database.connect(layout.register)) as connection:
        yield lambda: Log(layout, connection)


LINE = st.tuples(st.sampled_from(("account-role", "trace-show")), st.sampled_from((OWN, OTHER)), st.sampled_from((OWN, OTHER)))


@pytest.mark.usefixtures("small")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINE, max_size=6), st.lists(st.integers(-2, 12), min_size=1, max_size=4))
def test_it_is_as_reading_all_of_the_log_says(long: Log, more: list[tuple[str, str, str]], back: list[int]) -> None:
    for one in more:
        long.write(*one)
    now_ms = next(long.clock)
    changes = Changes(long.connection, OWN)  # one that is asked again goes on where it stopped
    for lines in back:
        assert changes.since(now_ms - lines * 1000) is long.changed_since(now_ms - lines * 1000)


@pytest.mark.usefixtures("small")
def test_the_rest_of_a_long_log_is_not_read(opened: Callable[[], Log]) -> None:
    log = opened()
    log.connection.execute(insert(schema.audit), {"number": 1, "fields": OWN.encode(), "signature": None, "hash": bytes(32)})
    begun = [log.write("trace-show", OTHER, OTHER) for _line in range(3 * PIECE)]
    assert not Changes(log.connection, OWN).since(begun[-PIECE])
    with pytest.raises(Malformed):
        list(audit.lines(log.connection))
    with pytest.raises(Malformed):
        Changes(log.connection, OWN).since(begun[0])


@pytest.mark.usefixtures("small")
def test_a_clock_that_was_wrong_for_one_line_hides_nothing(opened: Callable[[], Log]) -> None:
    log = opened()
    changed = log.write("account-password", OTHER, OWN)
    for at_ms in (0, None, None):  # the wrong one ends the first piece
        log.write("trace-show", OTHER, OTHER, at_ms)
    assert Changes(log.connection, OWN).since(changed)
