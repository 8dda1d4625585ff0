"""The list of sites from which an administrator goes to each board: searched as people write names, addresses and plates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select

from province.registry import places, sites
from province.registry.categories import Category
from province.registry.site import Site
from province.store import registry_tables as tables
from province.store.opened import Connection

EACH_PAGE = 50
TEXT_MOST = 80


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the list.

    Attributes:
        sites: by name, without case and marks.
        count: how many there are on all pages.
        page: from 1 on; `pages`: how many, at least 1.
    """

    sites: Sequence[Site]
    count: int
    page: int
    pages: int


def listed(connection: Connection, text: str, category: Category | None, page: int) -> Listed:
    """Sites that have each word of a text in their name or address, or the text as plate, id or organisation.

    Args:
        connection: the register.
        text: as somebody types it; empty: all.
        category: only of this kind.
        page: which; after the last one the last.
    """
    wanted = _wanted(text[:TEXT_MOST], category)
    count = int(connection.value(select(func.count()).select_from(tables.site).where(wanted)))
    pages = max(1, -(-count // EACH_PAGE))
    page = min(page, pages)
    by_name = select(tables.site.c.id).where(wanted).order_by(tables.site.c.place_key, tables.site.c.id)
    ids = [row["id"] for row in connection.rows(by_name.offset((page - 1) * EACH_PAGE).limit(EACH_PAGE))]
    found = {one.id: one for one in sites.page(connection, [tables.site.c.id.in_(ids)], EACH_PAGE)}
    return Listed([found[id_] for id_ in ids], count, page, pages)


def _wanted(text: str, category: Category | None) -> ColumnElement[bool]:
    kind = tables.site.c.category == str(category) if category is not None else tables.site.c.id.is_not(None)
    words = places.key(text).split()
    if not text.strip():
        return kind
    named = [tables.site.c.place_key.contains(word, autoescape=True) for word in words]
    ways: list[ColumnElement[bool]] = [and_(*named)] if named else []
    if plate := places.plate_key(text):
        ways.append(tables.site.c.plate_key.contains(plate, autoescape=True))
    exact = text.strip()
    return and_(kind, or_(tables.site.c.id == exact, tables.site.c.org == exact, *ways))
