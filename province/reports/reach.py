"""What somebody who looks at reports may see of a province: all of it, their unit's part, or their organisation's. Pure."""

from __future__ import annotations

from dataclasses import replace

from province.accounts.account import Account
from province.registry.organisations import Organisation
from province.reports import making
from province.reports.counting import NOTHING, Survey
from province.reports.coverage import reports_on


def is_whole(account: Account) -> bool:
    """Whether they see all of the province, and its own reports."""
    return account.unit is None and account.org is None


def part_of(survey: Survey, account: Account) -> Survey:
    """The same day, without the places that are beyond somebody's reach."""
    if is_whole(account):
        return survey
    within = survey.within(account.unit) if account.unit is not None else None
    tree = {one.id for one in survey.organisations.values() if reports_on(survey, one.id) == account.org or one.id == account.org}
    sites = {
        id_: site for id_, site in survey.sites.items()
        if (within is None or survey.unit_of(site) in within)
        and (account.org is None or site.org in tree or site.monitored_by == account.org)
    }  # fmt: skip
    units = survey.units if within is None else {id_: unit for id_, unit in survey.units.items() if id_ in within}
    organisations = survey.organisations if account.org is None else {id_: survey.organisations[id_] for id_ in tree}
    return replace(survey, units=units, organisations=organisations, sites=sites, elsewhere=NOTHING, held=0)


def reporting(survey: Survey, account: Account) -> list[Organisation]:
    """The organisations whose forms they may read."""
    found = making.reporting(survey)
    if account.org is not None:
        found = [one for one in found if one.id == account.org]
    if account.unit is not None:
        within = survey.within(account.unit)
        found = [one for one in found if one.unit in within]
    return found
