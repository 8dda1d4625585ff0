"""Shares of what there is: of a part and its own whole alone, of whatever somebody sees, and never above it with a tick."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from province_world import founded
from reports_world import DAY, MADE_MS, lao_cai, place

from province.accounts.account import Role, account
from province.registry.categories import Category
from province.registry.organisations import Organisation, Sector
from province.registry.units import Level, Unit
from province.reports import coverage, figures, making, reach
from province.reports.counting import Survey
from province.reports.coverage import Share
from province.reports.figures import About, Figure, Told
from province.reports.form import Table
from province.reports.rollup import percent
from province.store import database

UNITS = {
    one.id: one
    for one in (
        Unit("tinh", Level.PROVINCE, "Tỉnh"), Unit("huyen", Level.DISTRICT, "Huyện", "tinh"), Unit("pho", Level.DISTRICT, "Phố", "tinh"),
        Unit("a", Level.COMMUNE, "Xã A", "huyen"), Unit("b", Level.COMMUNE, "Xã B", "huyen"), Unit("c", Level.COMMUNE, "Xã C", "pho"),
    )
}  # fmt: skip
BODIES = {"so": Organisation("so", "Sở", Sector.DEPARTMENT)}
Said = Mapping[tuple[str, Figure], int]
PEOPLE, APP, PLACES = Figure.POPULATION, Figure.APP_INSTALLS, Figure.PLACES


def survey(said: Said) -> Survey:
    told = {(About.UNIT, unit, figure): value for (unit, figure), value in said.items()}
    return Survey(DAY, 1, UNITS, BODIES, {}, {}, {}, {}, figures=told)


@pytest.mark.parametrize(
    "said,share",
    [
        ({("a", PEOPLE): 5000, ("b", APP): 99_999}, Share(0, None)),  # of two communes
        ({("a", PEOPLE): 5000, ("a", APP): 4000, ("b", APP): 99_999, ("c", PEOPLE): 7}, Share(4000, 5000)),
        ({("a", PEOPLE): 50, ("a", APP): 40, ("b", PEOPLE): 50, ("b", APP): 30}, Share(70, 100)),
        ({("tinh", PEOPLE): 90, ("tinh", APP): 9, ("a", PEOPLE): 50, ("a", APP): 40}, Share(9, 90)),
        ({("tinh", APP): 9, ("a", PEOPLE): 5}, Share(0, None)),  # of all against those of one
        ({("huyen", APP): 9, ("a", PEOPLE): 5, ("b", PEOPLE): 5}, Share(9, 10)),
    ],
)  # fmt: skip
def test_who_has_the_app_is_held_against_who_lives_there(said: Said, share: Share) -> None:
    assert coverage.whole(survey(said)).installs == share


def test_places_that_must_be_are_known_where_all_parts_are() -> None:
    assert coverage.whole(survey({("a", PLACES): 3, ("b", PLACES): 4})).places.whole is None
    assert coverage.whole(survey({("a", PLACES): 3, ("b", PLACES): 4, ("c", PLACES): 5})).places.whole == 12


def test_who_sees_a_district_sees_its_figures_as_the_whole() -> None:
    there = account("aaaaaaaa", "X", Role.REPORTER, org=None, unit="huyen", sites=frozenset())
    seen = reach.part_of(survey({("huyen", PEOPLE): 80, ("huyen", APP): 40, ("c", PEOPLE): 1, ("c", APP): 1}), there)
    assert coverage.whole(seen).installs == Share(40, 80)


def test_who_reports_for_an_organisation_is_told_no_units_share() -> None:
    there = account("aaaaaaaa", "X", Role.REPORTER, org="so", unit=None, sites=frozenset())
    assert coverage.whole(reach.part_of(survey({("tinh", PEOPLE): 80, ("tinh", APP): 40}), there)).installs == Share(0, None)


def test_more_than_there_are_reaches_nothing() -> None:
    wrong = coverage.whole(survey({("tinh", PEOPLE): 5000, ("tinh", APP): 99_999})).installs
    assert (wrong.is_wrong, wrong.reached) == (True, None)
    assert "2000" not in (percent(wrong) or "")


@pytest.mark.parametrize(
    "known,figure,value,wrong",
    [
        ({PEOPLE: 5000}, APP, 5001, True), ({PEOPLE: 5000}, APP, 5000, False), ({APP: 5000}, PEOPLE, 4999, True),
        ({}, APP, 99, False), ({PEOPLE: 1}, PLACES, 7, False), ({PEOPLE: 5, APP: 5}, PEOPLE, None, False),
    ],
)  # fmt: skip
def test_more_people_with_the_app_than_people_is_no_figure(
    known: Mapping[Figure, int], figure: Figure, value: int | None, wrong: bool
) -> None:
    told = Told(About.UNIT, "a", figure, DAY, value, 1, "u")
    counts = {(About.UNIT, "a", one): said for one, said in {**known, figure: value}.items() if said is not None}
    assert bool(figures.above(counts, [told])) == wrong


def test_what_an_organisation_of_several_communes_told_is_on_no_communes_line(tmp_path: Path) -> None:
    layout, province = founded(tmp_path / "province"), lao_cai()
    province.sites += [place(f"s-{one}", "ubnd-tp", f"Trụ sở {one}", Category.COMMUNE_OFFICE, one) for one in ("kim-tan", "ta-phoi")]
    for organisation, people in (("ubnd-tp", 209), ("ubnd-coc-leu", 17)):
        province.told.append(Told(About.ORGANISATION, organisation, Figure.APP_INSTALLS, DAY, people, 1, "u"))
    province.put(layout)
    with closing(database.connect(layout.register)) as connection:
        document = making.of_organisation(making.survey(connection, DAY, MADE_MS), "ubnd-tp")
    first = next(block for block in document.blocks if isinstance(block, Table))
    told = [(line.cells[1], line.cells[3]) for line in first.lines if line.cells[3] is not None]
    assert told == [("UBND phường Cốc Lếu", 17), ("UBND thành phố Lào Cai", 209), ("Tổng", 226)]
