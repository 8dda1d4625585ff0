"""The province for Prometheus: what is in the register, waits, and is wrong; each number cheap to find, whatever the register's size.

Source: Prometheus documentation, "Exposition formats", text format 0.0.4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from sqlalchemy import func, select

from province.base.layout import Layout
from province.records.alerts import AlertKind
from province.store import schema
from province.store.opened import Connection
from province.store.registry_tables import site
from province.store.schema import IS_HELD, entry
from province.watch.fleet_store import FleetStore

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "gate_province"


def exposition(layout: Layout, connection: Connection, now_ms: int) -> str:
    """All of it, as Prometheus reads it."""
    lines: list[str] = []
    for name, words, samples in (*_register(connection, now_ms), *_fleet(layout)):
        lines += [f"# HELP {_PREFIX}_{name} {words}", f"# TYPE {_PREFIX}_{name} gauge"]
        lines += [f"{_PREFIX}_{name}{_labelled(label)} {value}" for label, value in samples]
    return "\n".join(lines) + "\n"


_Samples = Iterable[tuple[tuple[str, str] | None, float]]


def _register(connection: Connection, now_ms: int) -> Iterator[tuple[str, str, _Samples]]:
    newest = connection.row(select(entry.c.id, entry.c.registered_ms).order_by(entry.c.id.desc()).limit(1))
    yield (
        "newest_entry_number",
        "number of the newest entry: grows with each that is stored",
        [(None, 0 if newest is None else newest["id"])],
    )
    if newest is not None:
        yield "newest_entry_age_s", "seconds since an entry was last stored", [(None, round((now_ms - newest["registered_ms"]) / 1000, 1))]
    yield "held_entries", "entries that wait for a key", [(None, connection.value(select(func.count()).select_from(entry).where(IS_HELD)))]
    yield "quarantined", "messages put away as refused", [(None, connection.value(select(func.count()).select_from(schema.quarantine)))]
    opened = (
        select(schema.alert.c.kind, func.count().label("open")).where(schema.alert.c.resolved_ms.is_(None)).group_by(schema.alert.c.kind)
    )
    known = {row["kind"]: row["open"] for row in connection.rows(opened)}
    yield "log_alerts", "alerts about logs that are not resolved", [(("kind", str(kind)), known.get(str(kind), 0)) for kind in AlertKind]
    sites = connection.value(select(func.count()).select_from(site).where(site.c.closed_ms.is_(None)))
    yield "sites", "registered places that are open", [(None, sites)]
    states = select(schema.device.c.status, func.count().label("count")).group_by(schema.device.c.status)
    yield "devices", "scanners, by status", [(("status", row["status"]), row["count"]) for row in connection.rows(states)]


def _fleet(layout: Layout) -> Iterator[tuple[str, str, _Samples]]:
    if not layout.fleet_store.exists():
        return
    with FleetStore(layout.fleet_store) as store:
        online = sum(one.status is not None and one.status.state == "online" for one in store.devices(None))
        troubles = Counter(str(alert.trouble) for alert in store.alerts(None))
    yield "devices_online", "scanners that the broker has", [(None, online)]
    yield "fleet_alerts", "what is wrong with scanners now", [(("trouble", name), count) for name, count in sorted(troubles.items())]


def _labelled(label: tuple[str, str] | None) -> str:
    return "" if label is None else f'{{{label[0]}="{label[1]}"}}'
