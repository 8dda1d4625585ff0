"""Figures for other programs: passages of a day by place, never of a person. The same counts as the reports have."""

from __future__ import annotations

from dataclasses import astuple
from datetime import date

import msgspec

from province.api.clients import Scope
from province.api.endpoints import Asked, Endpoint, Parameter
from province.api.registry import ORG
from province.api.shapes import CountShape, Day
from province.registry import sites
from province.reports.counting import Names, counts


class Counts(msgspec.Struct, frozen=True):
    """Passages of one day by place: as registered until now; what scanners still hold is not in it.

    Attributes:
        elsewhere: passages where no registered place is; 0 for an organisation's own program.
    """

    day: Day
    counts: list[CountShape]
    elsewhere: int


def _counts(asked: Asked) -> Counts:
    day: date = asked.given["day"]
    org = asked.for_org()
    known = {one.id: one for one in sites.every(asked.connection)}
    found, elsewhere = Names(known.values()).gather(counts(asked.connection, day, day))
    shown = [CountShape(known[id_].org, id_, *astuple(tally)) for id_, tally in sorted(found.items()) if org in {None, known[id_].org}]
    return Counts(day, shown, elsewhere.passages if org is None else 0)


ENDPOINTS = (
    Endpoint(
        "GET", "/counts/{day}", "Passages of a day, by place.", Scope.COUNTS_READ, Counts, _counts,
        (Parameter("day", Day, "which one", in_path=True), ORG),
    ),
)  # fmt: skip
