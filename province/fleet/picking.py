"""Which devices are shown, in which order, and how many there are of each state. Pure."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from province.fleet.sight import Row, State
from province.watch.fleet_rules import Trouble

EACH_PAGE = 50
_STATES = list(State)
_LONGEST_TEXT = 80
_ORDERS: Mapping[str, Callable[[Row], object]] = {
    "state": lambda row: (_STATES.index(row.state), min((alert.raised_ms for alert in row.alerts), default=0)),
    "name": lambda row: str(row.seen.name),
    "site": lambda row: (_plain(row.seen.site), _plain(row.seen.gate)),
    "heard": lambda row: row.heard_ms,
    "waiting": lambda row: -_waiting(row),
}
ORDERS = tuple(_ORDERS)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to see; a field that makes no sense counts as not given.

    Attributes:
        state: only these.
        trouble: only those with it.
        site: only of this place.
        text: only those in whose name, place, gate or release it occurs, accents and case aside.
        order: one of ORDERS.
        page: from 1 on.
    """

    state: State | None = None
    trouble: Trouble | None = None
    site: str = ""
    text: str = ""
    order: str = "state"
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted:
        """From the parameters of an address."""
        page, order = query.get("page", ""), query.get("order", "")
        return cls(
            next((each for each in State if each == query.get("state")), None),
            next((each for each in Trouble if each == query.get("trouble")), None),
            query.get("site", "")[:_LONGEST_TEXT],
            query.get("q", "")[:_LONGEST_TEXT].strip(),
            order if order in ORDERS else "state",
            min(int(page), 10_000) if page.isascii() and page.isdigit() and len(page) < 6 and int(page) else 1,
        )

    def query(self, **changes: object) -> str:
        """As parameters of an address, with some changed; what is as usual is left out.

        Example:
            >>> Wanted(text="bến xe").query(state=State.OFFLINE)
            '?state=offline&q=b%E1%BA%BFn+xe'
        """
        wanted = replace(self, **changes)  # type: ignore[arg-type]  # the caller names fields
        fields = {"state": wanted.state, "trouble": wanted.trouble, "site": wanted.site, "q": wanted.text}
        if wanted.order != "state":
            fields["order"] = wanted.order
        if wanted.page > 1:
            fields["page"] = str(wanted.page)
        given = urlencode({name: str(value) for name, value in fields.items() if value})
        return f"?{given}" if given else ""


@dataclass(frozen=True, slots=True)
class Picked:
    """What is shown.

    Attributes:
        rows: of this page, in order.
        found: how many there are on all pages.
        pages: how many pages.
        counts: of each state, of those that all filters but the state's leave.
        troubles: the same, of each trouble.
        sites: every place there is, in order.
    """

    rows: Sequence[Row]
    found: int
    page: int
    pages: int
    counts: Mapping[State, int]
    troubles: Mapping[Trouble, int]
    sites: Sequence[str]


def pick(rows: Sequence[Row], wanted: Wanted, each_page: int | None = EACH_PAGE) -> Picked:
    """Filters, counts, sorts and cuts into pages; None: one page holds all."""
    text = _plain(wanted.text)
    near = [row for row in rows if (not wanted.site or row.seen.site == wanted.site) and (not text or text in _words(row))]
    counts = Counter(row.state for row in near)
    troubles = Counter(alert.trouble for row in near for alert in row.alerts)
    found = [row for row in near if wanted.state in {None, row.state} and _has(row, wanted.trouble)]
    found.sort(key=lambda row: (_ORDERS[wanted.order](row), str(row.seen.name)))
    size = each_page or max(1, len(found))
    pages = max(1, -(-len(found) // size))
    page = min(wanted.page, pages)
    sites = sorted({row.seen.site for row in rows}, key=_plain)
    return Picked(found[(page - 1) * size : page * size], len(found), page, pages, counts, troubles, sites)


def _has(row: Row, trouble: Trouble | None) -> bool:
    return trouble is None or any(alert.trouble is trouble for alert in row.alerts)


def _waiting(row: Row) -> int:
    told = row.seen.telemetry
    return 0 if told is None or told.outbox is None else told.outbox.waiting


def _words(row: Row) -> str:
    seen = row.seen
    release = "" if seen.telemetry is None else seen.telemetry.versions.software
    return _plain(f"{seen.name} {seen.site} {seen.gate} {release}")


def _plain(text: str) -> str:
    """Without accents and case, for finding.

    Example:
        >>> _plain("Bến xe Đông Ba")
        'ben xe dong ba'
    """
    letters = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
