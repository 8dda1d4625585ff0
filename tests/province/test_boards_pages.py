"""Boards and home as pages: who sees what of whom, nothing hidden anywhere in a keeper's pages, and a passage that shows at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from urllib.parse import quote

import pytest
from board_world import HIDDEN, MARKED, World, person, world_of
from page_world import until
from province_world import founded
from web_world import Site, Visitor, enlist, served_pages

from edge_agent.wire.entry import Direction
from edge_agent.wire.keyring import day_of
from province.accounts.account import Role
from province.base.clock import now_ms
from province.boards.words import WORDS
from province.keys import terms
from province.records import audit
from province.registry.categories import Category
from province.store import database

LINK = re.compile(r'(?:href|action|data-stream)="(/[^"#]*)"')


@dataclass
class Pages:
    """A market, a hospital and a checkpoint, a marked person at each, and somebody who keeps all three."""

    site: Site
    places: dict[str, World]

    def visitor(self, phone: str) -> Visitor:
        browser = self.site.browser()
        assert browser.login(phone).status == 303
        return browser

    def lines(self) -> list[audit.Line]:
        with closing(database.connect(self.site.layout.register)) as connection:
            return [line for line in audit.lines(connection) if line.action == "board"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder = tmp_path_factory.mktemp("boards")
    layout = founded(folder / "province")
    kinds = {"cho": Category.MARKET, "benh-vien": Category.HOSPITAL, "chot": Category.CHECKPOINT}
    places = {id_: world_of(layout, folder, category, id_) for id_, category in kinds.items()}
    for place in places.values():
        for number in range(60):
            way = (Direction.IN, Direction.OUT)[number % 2]
            place.arrive(place.made(person(number // 2), way, ago_ms=(70 - number) * 1000))
        place.arrive(place.made(MARKED, ago_ms=5000, health="expired", warnings=("pass-after-code",), trip="Chuyến 5"))
    with served_pages(layout) as site:
        enlist(layout, Role.KEEPER, "0988000001", sites=frozenset(kinds))
        enlist(layout, Role.SPECIAL, "0988000002", sites=frozenset(kinds))
        yield Pages(site, places)


def test_nothing_hidden_stands_anywhere_in_any_page_that_a_keeper_can_open(pages: Pages) -> None:
    keeper = pages.visitor("0988000001")
    todo, seen = ["/vi/"], dict[str, str]()
    while todo:
        path = todo.pop().replace("&amp;", "&")
        if path in seen or path.startswith("/static") or path.endswith("/leave"):
            continue
        if "/stream/" in path:
            with keeper.stream(path) as following:
                seen[path] = following()[1]
        else:
            seen[path] = keeper.get(path).text
        todo += LINK.findall(seen[path])
    assert sum("/board/" in path for path in seen) >= 3 * 2 * 2 + 2 * 3  # live and older sheets and streams, in both languages
    assert sum("Nguyễn Văn ***" in text and "0010994 ***" in text for text in seen.values()) >= 3 * 2
    shown = {f"{hidden!r} in {path}" for path, text in seen.items() for hidden in HIDDEN if hidden in text}
    assert shown == set()


def test_at_a_special_place_its_own_people_see_all_and_each_look_is_a_line(pages: Pages) -> None:
    before, special = len(pages.lines()), pages.visitor("0988000002")
    page = special.get("/vi/board/benh-vien").text
    assert all(text in page for text in (MARKED.name, MARKED.id_number, "0109876543", "DN4010123456789", "29/04/1937"))
    assert "đưa thẻ sau" in page
    new = pages.lines()[before:]
    assert [line.reason for line in new] == [new[0].reason]
    assert new[0].reason.startswith("site benh-vien: 50 passages")
    assert new[0].officer not in {"Nguyễn Thị Lan", "0988000002"}
    assert "Zqxjkv" not in special.get("/vi/board/cho").text  # a market is no special place, whoever looks
    assert len(pages.lines()) == before + 1
    assert special.get("/vi/").text.count("/vi/board/") == 3


def test_a_checkpoint_says_large_what_the_pass_came_to(pages: Pages) -> None:
    page = pages.visitor("0988000001").get("/en/board/chot").text
    latest = page.partition('id="latest"')[2].partition("</section>")[0]
    assert "Pass expired" in latest
    assert "▲" in latest
    assert 'id="latest"' not in pages.visitor("0988000001").get("/en/board/cho").text


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_another_ones_board_is_as_if_it_were_not_there(pages: Pages, role: Role) -> None:
    browser = pages.site.browser(role)
    for path in ("/vi/board/cho", "/vi/stream/board/cho"):
        there, nowhere = browser.get(path), browser.get(path.replace("cho", "khong-co"))
        assert (there.status, there.text) == (nowhere.status, nowhere.text.replace("khong-co", "cho"))
        assert there.status == (404 if role in {Role.KEEPER, Role.SPECIAL} else 403)


def test_an_administrator_sees_counts_and_nobody(pages: Pages) -> None:
    page = pages.site.browser(Role.ADMIN).get("/vi/board/cho").text
    assert "Vai trò này không xem" in page
    assert 'class="hours"' in page
    assert not [name for name in ("Trần Thị", "Nguyễn Văn", "***") if name in page]


def test_a_passage_shows_at_once_and_only_what_changed_is_sent(pages: Pages) -> None:
    cho, keeper = pages.places["cho"], pages.visitor("0988000001")
    with keeper.stream("/vi/stream/board/cho") as following:
        name, html = following()
        assert name == "whole"
        inside = re.search(r"<b>(\d+)</b>", html)
        assert inside is not None
        cho.arrive(cho.made(person(777), ago_ms=10))
        pages.site.world.changes.tell()
        name, html = following()
        assert "Trần Thị ***" in html
        assert f"<b>{int(inside[1]) + 1}</b>" in html


def test_a_stream_of_a_special_place_notes_each_passage_before_it_shows_it(pages: Pages) -> None:
    hospital, special = pages.places["benh-vien"], pages.visitor("0988000002")
    with special.stream("/vi/stream/board/benh-vien") as following:
        following()
        before = len(pages.lines())
        hospital.arrive(hospital.made(replace(person(1), name="Lê Thị Mới"), ago_ms=10))
        pages.site.world.changes.tell()
        assert "Lê Thị Mới" in following()[1]
        new = pages.lines()[before:]
        assert len(new) == 1
        assert new[0].reason.startswith("site benh-vien: 1 passages")


@pytest.mark.parametrize("role", list(terms.Role))
def test_home_names_each_certificate_in_both_languages(role: terms.Role) -> None:
    named = [words["need.certificate"].format(what=words[f"certificate.{role}"], role=role, days=3) for words in WORDS.values()]
    assert named[0] != named[1]
    assert all(f"({role})" in one for one in named)


def test_home_tells_each_role_what_needs_them(pages: Pages) -> None:
    for role in Role:
        page = pages.site.browser(role).get("/vi/")
        assert page.status == 200
        assert "Việc cần làm" in page.text
        assert ("Ổ đĩa còn trống" in page.text) == (role is Role.ADMIN)
    assert "cho-dong-ba không mở được" in pages.site.browser(Role.KEEPER).get("/vi/").text
    keeper = pages.visitor("0988000001").get("/en/").text
    assert keeper.count("inside now") == 3
    assert f"{day_of(now_ms()):%d/%m}" not in keeper  # of today the hours alone


@pytest.mark.parametrize("asked,word", [("day=xx", "Ngày"), ("gate=Cổng+trời", "Cổng"), ("way=up&from=25:00", "Từ, Chiều")])
def test_what_an_address_says_wrongly_is_told(pages: Pages, asked: str, word: str) -> None:
    page = pages.visitor("0988000001").get("/vi/board/cho?" + quote(asked, safe="=&+")).text
    assert f"coi như không chọn: {word}." in page
    assert "coi như không chọn" not in pages.visitor("0988000001").get("/vi/board/cho?day=&gate=&way=in").text


def test_a_day_long_ago_is_an_empty_board_and_no_error(pages: Pages) -> None:
    keeper = pages.visitor("0988000001")
    page = keeper.get("/vi/board/cho?day=2021-10-05&from=07:00&to=08:00").text
    assert "Không có lượt nào" in page
    assert "05/10/2021" in page
    assert "data-stream" not in page
    assert "đã quá thời hạn lưu" in page
    assert 'id="counts"' not in page  # nothing is known of it: not that nobody came
    assert "chưa đến" in keeper.get("/vi/board/cho?day=2999-01-01").text
    assert "quá thời hạn" not in keeper.get("/vi/board/cho").text
    until(lambda: keeper.get("/vi/board/cho?day=9999-99-99").status == 200)
