"""The list of cases and what of them the home page says: a page at a time, officers by name, only what can still be read is opened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta

import pytest
from tracing_world import CASE, hand
from web_world import Site, enlist, served_pages

from edge_agent.wire.keyring import day_of
from province.accounts.account import Account, Role
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.records.opened_rows import LookKeys
from province.records.retention import DEFAULT_DAYS
from province.records.views import day_bounds_ms
from province.store import database
from province.store.opened import Row
from province.tracing import cases
from province.tracing.cases import Details, State

NAME, SECOND = "Lê Thị Sương", "Phạm Văn Đức"
TODAY = day_of(now_ms())


@pytest.fixture
def site(old_layout: Layout) -> Iterator[Site]:
    with hand(old_layout) as write:
        write.unit("46", "province", "Tỉnh Thừa Thiên Huế")
    with served_pages(old_layout, roles=(Role.ADMIN,)) as site:
        yield site


@pytest.fixture
def officer(site: Site) -> Account:
    return enlist(site.layout, Role.TRACER, "0913000000", name=NAME, unit="46")


def put(layout: Layout, officer: str, count: int = 1, *, days_ago: int = 0, approved_by: str = "", state: State = State.OPEN) -> list[int]:
    """Enters cases; returns their numbers."""
    at_ms = day_bounds_ms(TODAY - timedelta(days=days_ago))[0]
    details = Details(CASE.id_number, "ca bệnh 117", 21, officer, approved_by, "46")
    keys = LookKeys(Keystore(layout.keystore))
    with closing(database.connect(layout.register)) as connection:
        made = [cases.add(connection, layout.register, keys, details, State.OPEN, at_ms) for _ in range(count)]
        with database.transaction(connection, layout.register):
            for one in made if state is State.CLOSED else ():
                cases.close(connection, one, at_ms)
    return [one.id for one in made]


def listed(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'href="/vi/tracing/(\d+)"', page)]


def test_the_list_goes_page_by_page(site: Site, officer: Account) -> None:
    shown = put(site.layout, officer.id, 30)
    closed = put(site.layout, officer.id, 40, state=State.CLOSED)
    shown += put(site.layout, officer.id, 45)
    tracer, admin = site.browser(), site.browser(Role.ADMIN)
    assert tracer.login("0913000000").status == 303
    first = tracer.get("/vi/tracing").text
    assert listed(first) == sorted(shown, reverse=True)[:50]
    older = re.search(r'href="(/vi/tracing\?before=\d+)"', first)
    assert older is not None
    second = tracer.get(older.group(1)).text
    assert (listed(second), "/vi/tracing?before=" in second) == (sorted(shown, reverse=True)[50:], False)
    assert listed(admin.get("/vi/tracing").text) == sorted(shown + closed, reverse=True)[:50]
    for odd in ("0", "x", "9" * 30, "%C2%B2"):
        assert listed(tracer.get(f"/vi/tracing?before={odd}").text) == listed(first)


def test_officers_are_called_by_their_names(site: Site, officer: Account) -> None:
    second = enlist(site.layout, Role.TRACER, "0914000000", name=SECOND, unit="474")
    put(site.layout, officer.id, approved_by=second.id)
    put(site.layout, "cli:le.binh")
    put(site.layout, "goneaway")
    tracer, admin = site.browser(), site.browser(Role.ADMIN)
    assert tracer.login("0913000000").status == 303
    for told in (NAME, "cli:le.binh", "goneaway"):
        assert told in tracer.get("/vi/tracing").text
    for browser in (tracer, admin):
        page = browser.get("/vi/tracing/1").text
        main = page.partition("<main")[2]
        assert (NAME in main, SECOND in main, officer.id in page, second.id in page) == (True, True, False, False)


def test_home_opens_no_case_that_tells_nothing(site: Site, officer: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    put(site.layout, officer.id, 60, state=State.CLOSED)
    put(site.layout, officer.id, 60, days_ago=25)
    live = put(site.layout, officer.id, 3)
    keystore = Keystore(site.layout.keystore)
    for epoch in keystore.epochs():
        if date.fromisoformat(epoch) <= TODAY - timedelta(days=25):
            keystore.destroy(date.fromisoformat(epoch), TODAY)
    tracer = site.browser()
    assert tracer.login("0913000000").status == 303
    looked_at: list[int] = []
    details_of = cases._details

    def details(row: Row, keys: LookKeys) -> Details | None:
        looked_at.append(row["id"])
        return details_of(row, keys)

    monkeypatch.setattr(cases, "_details", details)
    assert listed(tracer.get("/vi/").text) == live[::-1]
    assert looked_at == live[::-1]


def test_home_says_until_when_a_case_can_be_read(site: Site, officer: Account) -> None:
    put(site.layout, officer.id, days_ago=DEFAULT_DAYS - 3)
    put(site.layout, officer.id, days_ago=DEFAULT_DAYS - 4)
    tracer = site.browser()
    assert tracer.login("0913000000").status == 303
    ends = f"Ca số 1 chỉ còn xem được đến hết ngày {TODAY + timedelta(days=3):%d/%m/%Y}"
    assert [each in tracer.get("/vi/").text for each in (ends, "Ca số 2 đang mở")] == [True, True]
    Keystore(site.layout.keystore).destroy(TODAY - timedelta(days=DEFAULT_DAYS), TODAY)  # the province keeps a day less
    assert f"Ca số 2 chỉ còn xem được đến hết ngày {TODAY + timedelta(days=3):%d/%m/%Y}" in tracer.get("/vi/").text
