"""Figures for other programs: passages of a day by place, never of a person. The same counts as the reports have."""

from __future__ import annotations

from dataclasses import astuple
from datetime import date

import msgspec

from province.api import paging, passed
from province.api.clients import Scope
from province.api.endpoints import Asked, Endpoint, Parameter
from province.api.paging import AFTER, LIMIT
from province.api.registry import ORG
from province.api.shapes import CountShape, Day


class Counts(msgspec.Struct, frozen=True):
    """A page of passages of one day by place: as registered until now; what scanners still hold is not in it.

    Attributes:
        counts: by site id; it may be shorter than was asked for though another page follows.
        elsewhere: passages where no registered place is, on the first page; null on later ones; 0 where one organisation's are asked for.
        next: what to give as `after` for the next page; null after the last.
    """

    day: Day
    counts: list[CountShape]
    elsewhere: int | None
    next: str | None


def _counts(asked: Asked) -> Counts:
    day: date = asked.given["day"]
    org, after = asked.for_org(), asked.given.get("after", "")
    places, more = paging.page(asked, passed.places(asked.connection, day, org, after, paging.wanted(asked)), lambda one: one.id)
    tallies = passed.tallies(asked.connection, day, places)
    shown = [CountShape(one.org, one.id, *astuple(tallies[one.id])) for one in places if one.id in tallies]
    elsewhere = 0 if org is not None else None if after else passed.elsewhere(asked.connection, day)
    return Counts(day, shown, elsewhere, more)


ENDPOINTS = (
    Endpoint(
        "GET", "/counts/{day}", "Passages of a day, by place, a page at a time.", Scope.COUNTS_READ, Counts, _counts,
        (Parameter("day", Day, "which one", in_path=True), ORG, AFTER, LIMIT),
    ),
)  # fmt: skip
