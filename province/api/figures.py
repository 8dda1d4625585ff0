"""Figures for other programs: passages of a day by site, never of a person."""

from __future__ import annotations

from datetime import date

import msgspec
from sqlalchemy import case, func, select

from province.api.clients import Scope
from province.api.endpoints import Asked, Endpoint, Parameter
from province.api.registry import ORG
from province.api.shapes import CountShape, Day
from province.store.schema import entry


class Counts(msgspec.Struct, frozen=True):
    """Passages of one day by site: as registered until now; what scanners still hold is not in it."""

    day: Day
    counts: list[CountShape]


def _counts(asked: Asked) -> Counts:
    day: date = asked.given["day"]
    column = entry.c
    inward, outward = (func.coalesce(func.sum(case((column.direction == way, 1), else_=0)), 0) for way in ("in", "out"))
    query = (
        select(column.org, column.site, inward.label("inward"), outward.label("outward"), func.count().label("passages"))
        .where(column.epoch == day.isoformat(), column.kind == "passage", column.status == "registered", column.forked == 0)
        .group_by(column.org, column.site).order_by(column.org, column.site)
    )  # fmt: skip
    if (org := asked.for_org()) is not None:
        query = query.where(column.org == org)
    return Counts(day, [
        CountShape(row["org"], row["site"], row["inward"], row["outward"], row["passages"] - row["inward"] - row["outward"])
        for row in asked.connection.rows(query)
    ])  # fmt: skip


ENDPOINTS = (
    Endpoint(
        "GET", "/counts/{day}", "Passages of a day, by site.", Scope.COUNTS_READ, Counts, _counts,
        (Parameter("day", Day, "which one", in_path=True), ORG),
    ),
)  # fmt: skip
