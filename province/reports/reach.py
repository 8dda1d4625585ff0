"""What somebody who looks at reports may see of a province: all of it, their part, or their organisation's. Pure, but for `offices`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from province.accounts.account import Account
from province.registry import organisations, units
from province.registry.organisations import Organisation
from province.registry.units import Unit
from province.reports import making
from province.reports.counting import NOTHING, Survey, within
from province.reports.coverage import reports_on
from province.reports.figures import About
from province.store.opened import Connection


@dataclass(frozen=True, slots=True)
class Offices:
    """Who reports and where, by id: what says what somebody may see. A few hundred rows, whatever the province's places are."""

    units: Mapping[str, Unit]
    organisations: Mapping[str, Organisation]


def offices(connection: Connection) -> Offices:
    """All of a register."""
    return Offices({one.id: one for one in units.every(connection)}, {one.id: one for one in organisations.every(connection)})


def is_whole(account: Account) -> bool:
    """Whether they see all of the province, and its own reports."""
    return account.unit is None and account.org is None


def part_of(survey: Survey, account: Account) -> Survey:
    """The same day, without the places that are beyond somebody's reach."""
    if is_whole(account):
        return survey
    part = offices_of(Offices(survey.units, survey.organisations), account)
    sites = {
        id_: site for id_, site in survey.sites.items()
        if (account.unit is None or survey.unit_of(site) in part.units)
        and (account.org is None or site.org in part.organisations or site.monitored_by == account.org)
    }  # fmt: skip
    told = survey.figures if account.org is None else {key: value for key, value in survey.figures.items() if key[0] is not About.UNIT}
    return replace(
        survey, units=part.units, organisations=part.organisations, sites=sites, elsewhere=NOTHING, held=0, figures=told
    )  # what a unit comes to is no organisation's


def offices_of(known: Offices, account: Account) -> Offices:
    """Without the units and the organisations that are beyond somebody's reach."""
    its_units, its = known.units, known.organisations
    if account.unit is not None:
        there = within(known.units, account.unit)
        its_units = {id_: unit for id_, unit in known.units.items() if id_ in there}
    if account.org is not None:
        its = {id_: one for id_, one in its.items() if account.org in {id_, reports_on(known.organisations, id_)}}
    return Offices(its_units, its)


def reporting(known: Offices, account: Account) -> list[Organisation]:
    """The organisations whose forms they may read."""
    found = making.those_reporting(known.organisations.values())
    if account.org is not None:
        found = [one for one in found if one.id == account.org]
    if account.unit is not None:
        there = within(known.units, account.unit)
        found = [one for one in found if one.unit in there]
    return found
