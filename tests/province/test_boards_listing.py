"""The list of sites: found as people write, a page at a time, each with its board; and on an administrator's page alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from province_world import founded
from web_world import enlist, served_pages

from province.accounts.account import Role
from province.boards.listing import EACH_PAGE, listed
from province.registry import sites
from province.registry.categories import Category
from province.registry.site import new_site
from province.store import database
from province.store.opened import Connection

MANY = 120


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    path = tmp_path_factory.mktemp("listing") / "register.sqlite"
    database.create(path)
    with closing(database.connect(path)) as connection:
        sites.add(connection, path, new_site("cho-dong-ba", "ban-cho", "Chợ Đông Ba", Category.MARKET, "2 Trần Hưng Đạo", ("Cổng 1",)))
        bus = new_site("xe-1", "bus-co", "Xe 1", Category.VEHICLE, "Bến xe", ("Cửa trước",), plate="75B-012.34", route="Tuyến 8")
        sites.add(connection, path, bus)
        for number in range(MANY):
            sites.add(
                connection, path, new_site(f"quan-{number}", "quan", f"Quán {number}", Category.RESTAURANT, f"{number} Lê Lợi", ("Cửa",))
            )
        yield connection


@pytest.mark.parametrize("text", ["Chợ Đông Ba", "cho dong ba", "ĐÔNG  chợ", "trần hưng đạo", "cho-dong-ba", "ban-cho"])
def test_a_market_is_found_however_it_is_written(register: Connection, text: str) -> None:
    assert [one.id for one in listed(register, text, None, 1).sites] == ["cho-dong-ba"]


def test_a_bus_is_found_by_its_plate_and_a_kind_is_all_of_it(register: Connection) -> None:
    assert [one.id for one in listed(register, "75b 012", None, 1).sites] == ["xe-1"]
    assert [one.id for one in listed(register, "", Category.VEHICLE, 1).sites] == ["xe-1"]
    assert listed(register, "75b 012", Category.MARKET, 1).sites == []


def test_every_site_is_on_one_page_in_order(register: Connection) -> None:
    pages = [listed(register, "", None, page) for page in (1, 2, 3)]
    assert [len(one.sites) for one in pages] == [EACH_PAGE, EACH_PAGE, MANY + 2 - 2 * EACH_PAGE]
    assert len({site.id for one in pages for site in one.sites}) == MANY + 2
    assert pages[0].sites[0].id == "cho-dong-ba"
    assert listed(register, "", None, 99).page == pages[0].pages == len(pages)


@given(st.text(max_size=100))
def test_whatever_is_typed_is_answered(register: Connection, text: str) -> None:
    assert listed(register, text, None, 1).count <= MANY + 2


def test_an_administrator_goes_from_the_list_to_a_board_and_a_keeper_does_not(tmp_path: Path) -> None:
    layout = founded(tmp_path / "province")
    with closing(database.connect(layout.register)) as connection:
        sites.add(
            connection, layout.register, new_site("cho", "ban-cho", "Chợ <b>Mai</b>", Category.MARKET, "2 Trần Hưng Đạo", ("Cổng 1",))
        )
    with served_pages(layout) as site:
        enlist(layout, Role.ADMIN, "0988000001")
        enlist(layout, Role.KEEPER, "0988000002", sites=frozenset({"cho"}))
        admin, keeper = site.browser(), site.browser()
        assert (admin.login("0988000001").status, keeper.login("0988000002").status) == (303, 303)
        assert 'href="/vi/sites"' in admin.get("/vi/").text
        page = admin.get("/vi/sites?q=%22%3E%3Cscript%3E&kind=x&page=-1").text
        assert "<script>" not in page
        page = admin.get("/en/sites?q=cho").text
        assert '<a href="/en/board/cho">Chợ &lt;b&gt;Mai&lt;/b&gt;</a>' in page
        assert admin.get("/en/board/cho").status == 200
        assert (keeper.get("/vi/sites").status, 'href="/vi/sites"' in keeper.get("/vi/").text) == (403, False)
