"""What of a board somebody asks for, read from an address. Pure: whatever it says, there is something to show."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, time
from typing import Self
from urllib.parse import urlencode

from edge_agent.wire.entry import NAME_CHARACTERS, Direction
from province.boards.passages import Key, Wanted
from province.records.views import day_bounds_ms

_MINUTE_MS = 60_000
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(9000, 1, 1)


@dataclass(frozen=True, slots=True)
class Asked:
    """A day of a place, or a part of it.

    Attributes:
        day: in Vietnam.
        first, last: from this time of the day to the end of that minute; None: the whole day.
        gate, direction: only these.
        before, after: the key that the sheet goes on from.
        misread: what the address says wrongly, by its names there.
    """

    day: date
    first: time | None = None
    last: time | None = None
    gate: str | None = None
    direction: Direction | None = None
    before: Key | None = None
    after: Key | None = None
    misread: frozenset[str] = field(default=frozenset(), compare=False)

    @classmethod
    def read(cls, query: Mapping[str, str], today: date) -> Self:
        """From an address; what it says wrongly counts as not said."""
        day, first, last = _day(query.get("day", "")), _time(query.get("from", "")), _time(query.get("to", ""))
        way = next((way for way in Direction if way == query.get("way")), None)
        found = {"day": day, "from": first, "to": last, "way": way}
        return cls(
            day or today, first, last, query.get("gate", "")[:NAME_CHARACTERS] or None, way,
            Key.read(query.get("before", "")), Key.read(query.get("after", "")),
            frozenset(name for name, value in found.items() if value is None and query.get(name)),
        )  # fmt: skip

    def at(self, gates: Collection[str]) -> Self:
        """The same of a place with these gates: another gate counts as not said."""
        return self if self.gate is None or self.gate in gates else replace(self, gate=None, misread=self.misread | {"gate"})

    def is_live(self, today: date) -> bool:
        """Whether it is the place's board as it is now, which follows what happens."""
        return self == Asked(today)

    @property
    def is_part(self) -> bool:
        """Whether it is only some of the day's passages."""
        return replace(self, before=None, after=None) != Asked(self.day)

    def wanted(self) -> Wanted:
        """Which passages."""
        begins_ms, ends_ms = day_bounds_ms(self.day)
        first_ms = begins_ms if self.first is None else begins_ms + _minute(self.first) * _MINUTE_MS
        after_ms = ends_ms if self.last is None else begins_ms + (_minute(self.last) + 1) * _MINUTE_MS
        return Wanted(first_ms, after_ms, self.gate, self.direction)

    def query(self, **other: object) -> str:
        """As an address says it; `before` or `after` may be another."""
        said: dict[str, object] = {
            "day": self.day.isoformat(), "from": self.first and f"{self.first:%H:%M}", "to": self.last and f"{self.last:%H:%M}",
            "gate": self.gate, "way": self.direction, **other,
        }  # fmt: skip
        return "?" + urlencode({key: str(value) for key, value in said.items() if value})


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if _FIRST_DAY <= found <= _LAST_DAY else None


def _time(text: str) -> time | None:
    try:
        found = time.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is not None else found.replace(second=0, microsecond=0)
