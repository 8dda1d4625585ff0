"""What a board asks of the register, in a file and in PostgreSQL: sheets by key, times, doubt, counts, and the line before a full look."""

from __future__ import annotations

from contextlib import closing
from datetime import time, timedelta
from pathlib import Path

import pytest
from board_world import MARKED, World, person, world_of
from sqlalchemy import insert

from edge_agent.wire.entry import Clock, Direction, Method
from edge_agent.wire.keyring import day_of
from province.base.clock import now_ms
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.boards.asked import Asked
from province.boards.passages import Place, Shown, Sight, Untold, Wanted, Who, opened, sheet
from province.boards.shown import time_of
from province.boards.words import WORDS
from province.keys.keystore import Keystore
from province.looks.subjects import Subject
from province.records import audit, audit_check
from province.registry import sites
from province.registry.categories import Category
from province.registry.site import new_site
from province.store import database
from province.store.registry_tables import site as site_table

HOUR_MS = 3_600_000


@pytest.fixture
def world(layout: Layout, tmp_path: Path) -> World:
    return world_of(layout, tmp_path)


def say(key: str, /, **values: object) -> str:
    return WORDS["en"][key].format(**values)


def names(shown: list[Shown]) -> list[str]:
    return [one.who.name for one in shown]


def walk(world: World, wanted: Wanted, limit: int) -> tuple[list[int], list[int]]:
    """All rows by going to older sheets, then by going back to newer ones."""
    with closing(database.connect(world.layout.register)) as connection:
        at = sheet(connection, world.place, wanted, limit=limit)
        down = [row["id"] for row in at.rows]
        while at.older is not None:
            at = sheet(connection, world.place, wanted, before=at.older, limit=limit)
            down += [row["id"] for row in at.rows]
        up = [row["id"] for row in at.rows]
        while at.newer is not None:
            at = sheet(connection, world.place, wanted, after=at.newer, limit=limit)
            up = [row["id"] for row in at.rows] + up
    return down, up


def test_every_row_stands_on_one_sheet_in_order_of_time_whichever_way_one_goes(world: World) -> None:
    at_ms = now_ms() - HOUR_MS
    times = [at_ms + step * 1000 for step in (5, 3, 3, 3, 9, 1, 7, 7, 2, 8, 4)]  # late ones, and several at one time
    world.arrive(*(world.made(person(number), at_ms=each) for number, each in enumerate(times)))
    wanted = Wanted(at_ms, now_ms())
    expected = [row_id for _each, row_id in sorted(((each, row_id) for row_id, each in enumerate(times, 1)), reverse=True)]
    for limit in (1, 2, 3, 5, 50):
        assert walk(world, wanted, limit) == (expected, expected)


def test_a_search_finds_what_is_within_its_times_gate_and_direction_of_this_place_alone(world: World, tmp_path: Path) -> None:
    other = world_of(world.layout, tmp_path, id_="khac")  # another organisation's place of the same name
    at_ms = now_ms() - HOUR_MS
    other.arrive(other.made(person(99), at_ms=at_ms + 1000))
    for number in range(12):
        way, gate = (Direction.IN, Direction.OUT)[number % 2], ("Cổng", "Cổng sau")[number % 3 == 0]
        world.arrive(world.made(person(number), way, at_ms=at_ms + number * 1000, gate=gate))
    with closing(database.connect(world.layout.register)) as connection:
        wanted = Wanted(at_ms + 2000, at_ms + 9000, "Cổng", Direction.IN)
        found = opened(connection, Keystore(world.layout.keystore), sheet(connection, world.place, wanted).rows, Sight.FULL)
    assert names(found) == [f"Trần Thị Số{number}" for number in (8, 4, 2)]


def test_a_time_nobody_knows_is_said_and_is_not_counted_among_the_days(world: World) -> None:
    long_ago_ms = 5_000
    world.arrive(world.made(person(1), ago_ms=60_000))
    world.arrive(world.made(MARKED, at_ms=long_ago_ms, clock=Clock.UNKNOWN), world.made(person(2), at_ms=now_ms() + 30 * HOUR_MS))
    board = world.look()
    assert names(list(board.rows)) == ["Trần Thị ***"]
    assert [one.claimed_ms for one in board.doubted][1:] == [long_ago_ms]
    assert [one.dated_ahead for one in board.doubted] == [True, False]
    assert board.counts.came == 1
    shown, doubt = time_of(board.doubted[1], now_ms(), say)
    assert shown == "?"
    assert "01/01/1970" in doubt
    assert "between" in doubt


def test_a_likely_time_of_a_scanner_without_a_clock_is_shown_as_about_then(world: World) -> None:
    at_ms = now_ms() - 60_000
    world.arrive(world.made(person(1), ago_ms=120_000), world.made(MARKED, at_ms=at_ms, clock=Clock.UNKNOWN))
    first, second = world.look().rows
    assert world.look().counts.blind == 1
    assert time_of(second, now_ms(), say)[1] == ""
    assert time_of(first, now_ms(), say)[0].startswith("≈ ")
    assert "clock was not set" in time_of(first, now_ms(), say)[1]


def test_who_is_inside_follows_what_comes_late(world: World) -> None:
    day_ms = now_ms()
    if day_of(day_ms - 60_000) != day_of(day_ms):
        pytest.skip("midnight")
    came, went = world.made(MARKED, ago_ms=50_000), world.made(MARKED, Direction.OUT, ago_ms=20_000)
    world.arrive(went, world.made(person(1), ago_ms=30_000))
    assert (world.look().counts.inside, world.look().counts.went_unseen) == (1, 1)
    world.arrive(came)
    counts = world.look().counts
    assert (counts.inside, counts.came, counts.went, counts.went_unseen) == (1, 2, 1, 0)


def test_an_erased_passage_is_said_to_be_one_and_named_nowhere(world: World) -> None:
    world.arrive(world.made(MARKED, ago_ms=1000))
    with closing(database.connect(world.layout.register)) as connection:
        assert Subject(connection, Keystore(world.layout.keystore), MARKED.id_number).erase(world.layout.register, now_ms()) == 1
    board = world.look(Sight.FULL)
    assert [one.who for one in board.rows] == [Untold.ERASED]
    assert board.counts.unnamed == 1


def test_each_full_look_is_a_line_before_it_and_what_was_named_needs_none_again(world: World) -> None:
    world.arrive(world.made(MARKED, ago_ms=2000))
    world.look(Sight.MASKED)
    told = set[int]()
    [row] = world.look(Sight.FULL, told=told).rows
    assert isinstance(row, Shown)
    assert isinstance(row.who, Who)
    assert (row.who.name, dict(row.who.more)["birth_date"]) == (MARKED.name, "29/04/1937")
    world.look(Sight.FULL, told=told)
    world.arrive(world.made(person(1), ago_ms=1000))
    world.look(Sight.FULL, told=told)
    world.look(Sight.FULL)
    with closing(database.connect(world.layout.register)) as connection:
        lines = list(audit.lines(connection))
        verdict = audit_check.verify(connection, Keystore(world.layout.keystore))
    assert [(line.action, line.officer) for line in lines] == [("board", "abcdefgh")] * 3
    assert [line.reason for line in lines] == [
        "site cho: 1 passages, rows 1 to 1", "site cho: 1 passages, rows 2 to 2", "site cho: 2 passages, rows 1 to 2"
    ]  # fmt: skip
    assert verdict.problems == ()


def test_where_no_line_can_be_written_nothing_is_shown(world: World) -> None:
    world.arrive(world.made(MARKED, ago_ms=2000))
    head = world.layout.keystore / "audit.head"
    head.unlink()
    head.mkdir()  # neither to be read nor written
    with pytest.raises(Exception, match=r"audit\.head"):
        world.look(Sight.FULL)
    assert names(list(world.look(Sight.MASKED).rows)) == ["Nguyễn Văn ***"]


def test_two_sites_of_one_name_have_no_board(world: World) -> None:
    with closing(database.connect(world.layout.register)) as connection:
        twin = new_site("cho-2", world.site.org, world.site.name, Category.MARKET, "Phố khác", ("Cổng",))
        connection.execute(insert(site_table), sites.row_of(twin))  # as in registers of earlier releases
        for one in (world.site, twin):
            with pytest.raises(NotAProvince, match="one name"):
                Place.of(connection, one)


def test_an_address_is_read_for_what_it_says_rightly(world: World) -> None:
    today = day_of(now_ms())
    assert Asked.read({}, today).is_live(today)
    asked = Asked.read({"day": "2021-10-05", "from": "07:30", "to": "09:00", "gate": "Cổng", "way": "out", "before": "5.7"}, today)
    begins_ms = Asked(asked.day).wanted().first_ms
    assert asked.wanted() == Wanted(begins_ms + 450 * 60_000, begins_ms + 541 * 60_000, "Cổng", Direction.OUT)
    assert Asked.read({"day": "x", "from": "25:00", "to": "07:00+01:00", "way": "up", "after": "z"}, today) == Asked(today)
    again = asked.query(before=asked.before)
    assert again == "?day=2021-10-05&from=07%3A30&to=09%3A00&gate=C%E1%BB%95ng&way=out&before=5.7"
    assert Asked(today, first=time(7)).is_live(today) is False
    assert world.look(asked=Asked(today - timedelta(days=3))).rows == []


def test_there_are_words_for_every_way_a_code_may_come_in_and_a_direction_be_known() -> None:
    for words in WORDS.values():
        assert {f"method.{method}" for method in Method} <= words.keys()
        assert {f"way.{way}" for way in Direction} <= words.keys()
