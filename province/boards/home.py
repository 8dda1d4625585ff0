"""What the home page shows: the sites of whoever looks, and what boards themselves know to need somebody now."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from edge_agent.wire.keyring import day_of
from province.accounts.account import HAS_SITES, Account, Role
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.boards import gates
from province.boards.counting import Counting
from province.boards.gates import Gate
from province.boards.passages import Place, latest_ms
from province.boards.tally import Counts
from province.fleet.sight import State
from province.keys import terms
from province.records.views import day_bounds_ms
from province.registry import sites, waiting_room
from province.registry.site import Site
from province.store import schema
from province.store.opened import Connection
from province.watch.fleet_store import FleetStore
from province.web.needs import Need, Urgency
from province.web.world import World

_DAY_MS = 86_400_000
_SILENT_MS = 7 * _DAY_MS
_LITTLE_ROOM = 0.1  # of the disk
_GB = 10**9
Say = Callable[..., str]  # a word's key and its values


@dataclass(frozen=True, slots=True)
class SiteCard:
    """One of somebody's sites on their home page.

    Attributes:
        latest_ms: when somebody last passed within a week, milliseconds since 1970 UTC; None when nobody did.
    """

    site: Site
    counts: Counts
    gates: Sequence[Gate]
    latest_ms: int | None


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of somebody's sites, and the ids of those that have no board."""

    cards: Sequence[SiteCard]
    gone: Sequence[str]


def cards_of(connection: Connection, layout: Layout, counting: Counting, account: Account, now_ms: int) -> Cards:
    """The sites of a keeper or of somebody at a special site; of others none."""
    if account.role not in HAS_SITES:
        return Cards((), ())
    places: dict[Place, Site] = {}
    gone = []
    for id_ in sorted(account.sites):
        one = sites.find(connection, id_)
        place = None if one is None else _place(connection, one)
        if one is None or place is None:
            gone.append(id_)
        else:
            places[place] = one
    begins_ms = day_bounds_ms(day_of(now_ms))[0]
    doors = gates.of_places(layout, places.keys())
    cards = [
        SiteCard(
            one, counting.of(connection, place, begins_ms, now_ms), doors[place],
            latest_ms(connection, place, now_ms - _SILENT_MS, now_ms),
        )
        for place, one in places.items()
    ]  # fmt: skip
    return Cards(cards, gone)


def _place(connection: Connection, one: Site) -> Place | None:
    try:
        return Place.of(connection, one)
    except NotAProvince:
        return None


def needs_of_sites(cards: Cards, say: Say, when: Callable[[int], str], now_ms: int) -> list[Need]:
    """What somebody's own sites need."""
    found = [Need(Urgency.NOW, say("need.site.gone", site=id_)) for id_ in cards.gone]
    for card in cards.cards:
        name, path = card.site.name, f"/board/{card.site.id}"
        for gate in card.gates:
            if not gate.heard_ms:
                found.append(Need(Urgency.SOON, say("need.gate.never", site=name, gate=gate.name), path))
            elif gate.is_away:
                found.append(Need(Urgency.NOW, say("need.gate.offline", site=name, gate=gate.name, time=when(gate.heard_ms)), path))
            elif gate.state in {State.TROUBLE, State.ALARM}:
                found.append(Need(Urgency.SOON, say("need.gate.trouble", site=name, gate=gate.name), path))
        if card.latest_ms is None and not card.site.is_past(now_ms):
            found.append(Need(Urgency.SOON, say("need.site.silent", site=name), path))
    return found


def needs_of_office(connection: Connection, world: World, account: Account, say: Say) -> list[Need]:
    """What operators and administrators are needed for, as far as the register and the machine tell."""
    layout, now_ms = world.layout, world.now_ms()
    match account.role:
        case Role.OPERATOR:
            return _alerts(layout, account.org, say, "/fleet" if world.fleet_page else "")
        case Role.ADMIN:
            return [*_register(connection, say, now_ms), *_certificates(layout, say, now_ms), *_storage(layout, say)]
    return []


def _alerts(layout: Layout, org: str | None, say: Say, path: str) -> list[Need]:
    if not layout.fleet_store.exists():
        return []
    with FleetStore(layout.fleet_store) as store:
        alerts = store.alerts(org)
    untaken = sum(alert.acknowledged_ms is None for alert in alerts)
    counted = ((Urgency.NOW, "need.alerts", untaken), (Urgency.KNOW, "need.alerts.taken", len(alerts) - untaken))
    return [Need(urgency, say(word, count=count), path) for urgency, word, count in counted if count]


def _register(connection: Connection, say: Say, now_ms: int) -> list[Need]:
    waiting = sum(one.approved_ms is None for one in waiting_room.every(connection, now_ms))
    broken = connection.value(select(func.count()).select_from(schema.alert).where(schema.alert.c.resolved_ms.is_(None)))
    held = connection.value(select(func.count()).select_from(schema.entry).where(schema.IS_HELD))
    counted = ((Urgency.NOW, "need.waiting", waiting), (Urgency.NOW, "need.logs", broken), (Urgency.SOON, "need.held", held))
    return [Need(urgency, say(word, count=count)) for urgency, word, count in counted if count]


def _certificates(layout: Layout, say: Say, now_ms: int) -> list[Need]:
    found = []
    for term in terms.terms(layout):
        named = {"what": say(f"certificate.{term.role}"), "role": term.role}
        if term.ends_ms is None:
            found.append(Need(Urgency.SOON, say("need.certificate.unread", **named)))
        elif term.is_due(now_ms):
            days = term.days_left(now_ms)
            found.append(Need(Urgency.NOW if days <= 0 else Urgency.SOON, say("need.certificate", **named, days=days)))
    return found


def _storage(layout: Layout, say: Say) -> list[Need]:
    disk = shutil.disk_usage(layout.root)
    little = disk.free < _LITTLE_ROOM * disk.total
    text = say("need.storage", percent=100 * disk.free // disk.total, free=disk.free // _GB)
    return [Need(Urgency.NOW if little else Urgency.KNOW, text)]
