"""A place's board as somebody may see it: counts, gates, a sheet of passages, and the line in the audit log before any full look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from edge_agent.wire.keyring import day_of
from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.boards import gates, passages
from province.boards.asked import Asked
from province.boards.counting import Counting, count_day
from province.boards.gates import Gate
from province.boards.passages import Key, Place, Shown, Sight
from province.boards.tally import Counts
from province.keys.keystore import Keystore
from province.looks.looking import user
from province.records import audit
from province.records.audit import Line
from province.records.views import day_bounds_ms
from province.registry.site import Site
from province.store.opened import Connection, Row

ACTION = "board"  # in the audit log


@dataclass(frozen=True, slots=True)
class Board:
    """What is shown.

    Attributes:
        counts: of the day.
        gates: its scanners.
        rows: the sheet, newest first; empty for who sees nobody.
        doubted: passages that came on this day and whose time nobody knows.
        newer, older: the keys of the sheets beside this one.
        live: it follows what happens.
        newest: the register's newest row when it was made.
        beyond: why there can be nothing of that day: `ahead`, or `past` what is kept; empty otherwise.
    """

    site: Site
    asked: Asked
    sight: Sight
    live: bool
    counts: Counts
    gates: Sequence[Gate]
    rows: Sequence[Shown]
    doubted: Sequence[Shown]
    newer: Key | None
    older: Key | None
    newest: int
    beyond: Literal["", "ahead", "past"] = ""

    @property
    def away(self) -> int:
        """How many scanners are not heard."""
        return sum(gate.is_away for gate in self.gates)


class Boards:
    """The boards of a province; for any number of threads.

    Args:
        layout: the province.
        keystore: the day keys.
        now_ms: the time, milliseconds since 1970 UTC.
    """

    def __init__(self, layout: Layout, keystore: Keystore, now_ms: Callable[[], int]) -> None:
        self._layout, self._keystore, self._now_ms = layout, keystore, now_ms
        self.counting = Counting()

    def look(self, connection: Connection, site: Site, asked: Asked, sight: Sight, looker: str, told: set[int]) -> Board:
        """A board as it is now.

        Args:
            connection: the register.
            site: which.
            asked: what of it.
            sight: how much of a person is shown.
            looker: the account that looks, by its id, for the audit log.
            told: rows that an earlier line of the same look has named; those shown now are added.

        Raises:
            NotAProvince: the site's entries cannot be told from another's.
            KeystoreAway, RegisterBusy, ProvinceError: not now; nothing is shown.
        """
        now_ms = self._now_ms()
        today, place = day_of(now_ms), Place.of(connection, site)
        live = asked.is_live(today)
        begins_ms, ends_ms = day_bounds_ms(asked.day)
        newest = passages.last_id(connection)
        if asked.day == today:
            counts = self.counting.of(connection, place, begins_ms, now_ms)
        else:
            counts = count_day(connection, place, begins_ms, ends_ms)
        rows, doubted, newer, older = self._rows(connection, place, asked, sight, now_ms)
        if sight is Sight.FULL:
            self._enter(connection, site, looker, [*doubted, *rows], told, now_ms)
        return Board(
            site, asked, sight, live, counts, gates.of_places(self._layout, [place])[place],
            passages.opened(connection, self._keystore, rows, sight), passages.opened(connection, self._keystore, doubted, sight),
            newer, older, newest, self._beyond(asked.day, today),
        )  # fmt: skip

    def _beyond(self, day: date, today: date) -> Literal["", "ahead", "past"]:
        """Whether a day has not come, or has no keys any more, or never had."""
        if day > today:
            return "ahead"
        return "past" if day < today and day.isoformat() < next(iter(self._keystore.epochs()), today.isoformat()) else ""

    def _rows(
        self, connection: Connection, place: Place, asked: Asked, sight: Sight, now_ms: int
    ) -> tuple[Sequence[Row], Sequence[Row], Key | None, Key | None]:
        if sight is Sight.NOBODY:
            return (), (), None, None
        found = passages.sheet(connection, place, asked.wanted(), before=asked.before, after=asked.after)
        doubted: Sequence[Row] = ()
        if asked.is_live(day_of(now_ms)):
            days = self._keystore.epochs()
            floor_ms = day_bounds_ms(day_of(now_ms))[0] if not days else _begin_ms(min(days))
            doubted = passages.in_doubt(connection, place, min(floor_ms, now_ms), day_bounds_ms(day_of(now_ms))[0], now_ms)
        return found.rows, doubted, found.newer, found.older

    def _enter(self, connection: Connection, site: Site, looker: str, rows: Sequence[Row], told: set[int], now_ms: int) -> None:
        """The line before the look; none where everything was named in an earlier one."""
        new = sorted({row["id"] for row in rows} - told)
        if not new:
            return
        what = f"site {site.id}: {len(new)} passages, rows {new[0]} to {new[-1]}"

        def make(number: int, previous: bytes) -> Line:
            return Line(number, previous, now_ms, ACTION, looker, user(), what)

        try:
            audit.append(connection, self._layout.register, self._keystore, make)
        except OSError as error:
            raise ProvinceError(f"{self._layout.keystore}: the audit log cannot be written ({error.strerror}); nothing is shown.") from None
        told.update(new)


def _begin_ms(epoch: str) -> int:
    return day_bounds_ms(date.fromisoformat(epoch))[0]
