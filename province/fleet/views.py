"""What the pages say: templates filled with what is known now, as parts that a browser can replace one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jinja2 import PackageLoader
from markupsafe import Markup

from edge_agent.serving.drawing import environment
from edge_agent.wire.command import Action
from edge_agent.wire.keyring import VIETNAM
from edge_agent.wire.telemetry import Telemetry
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.fleet import charts
from province.fleet.accounts import Operator
from province.fleet.orders import OFFERED, Ordered
from province.fleet.picking import ORDERS, Picked, Wanted
from province.fleet.sight import Row, State
from province.fleet.words import WORDS, Words
from province.watch.fleet_rules import Trouble
from province.watch.fleet_sample import Sample
from province.watch.fleet_store import FleetAlert, RefusedCount
from province.web.languages import LANGUAGES
from province.web.live import Drawn
from province.web.sessions import Session

SHAPES: Mapping[State, str] = {State.ALARM: "◆", State.OFFLINE: "✕", State.TROUBLE: "▲", State.SHUT: "■", State.WELL: "●"}
ALERTS_EACH_PAGE = 50


@dataclass(frozen=True, slots=True)
class View:
    """Who looks, in which language.

    Attributes:
        here: the path and query without the language, for the link to the other one.
        operator, session: theirs; None before they are in.
    """

    words: Words
    here: str
    operator: Operator | None = None
    session: Session | None = None


@dataclass(frozen=True, slots=True)
class DeviceSight:
    """All of one device."""

    row: Row
    history: Sequence[Sample]
    past: Sequence[FleetAlert]
    refused: Sequence[RefusedCount]
    orders: Sequence[Ordered]


class Views:
    """The pages' texts."""

    def __init__(self) -> None:
        self._templates = environment(PackageLoader("province.fleet", "pages"))
        self._templates.globals.update(shapes=SHAPES, states=list(State), orders=ORDERS, languages=LANGUAGES)

    # ── pages ──

    def page(self, view: View, name: str, /, **values: Any) -> str:
        """A page by its template's name; `drawn` among the values is the region that follows what happens."""
        return self._fill(f"{name}.html", view, **values)

    def error(self, language: str, status: int, why: str = "") -> str:
        """The page for a request that cannot be answered."""
        known = status if status in {400, 403, 404, 413, 429, 503} else 500
        view = View(WORDS[language], "/")
        return self._fill("error.html", view, said=view.words.say(f"error.{known}", **({"why": why} if known == 503 else {})))

    # ── regions ──

    def fleet(self, view: View, picked: Picked, wanted: Wanted, quiet_ms: int | None) -> Drawn:
        """The list with its counts."""
        draw = self._macros(view, "fleet_parts.html")
        parts = {"counts": str(draw.counts(picked, wanted, quiet_ms))}
        parts |= {_id(row.seen.name): str(draw.row(row, _id(row.seen.name))) for row in picked.rows}
        parts["pager"] = str(draw.pager(picked, wanted))
        return Drawn(str(draw.whole(Parts(parts), [_id(row.seen.name) for row in picked.rows])), parts)

    def device(self, view: View, sight: DeviceSight) -> Drawn:
        """A device, now and in the last day."""
        draw = self._macros(view, "device_parts.html")
        at_ms = now_ms()
        told = sight.row.seen.telemetry
        found = [] if told is None else facts_of(view.words, sight, told)
        parts = {
            "state": str(draw.state(sight.row)),
            "alerts": str(draw.alerts(sight.row.alerts, [alert for alert in sight.past if alert.ended_ms is not None][:10])),
            "orders": str(draw.orders(sight.orders)),
            "now": str(draw.now(found)),
            "day": str(draw.day(*_day(view.words, sight.history, at_ms))),
        }
        return Drawn("".join(parts.values()), parts)

    def alerts(self, view: View, found: Sequence[FleetAlert], rows: Mapping[DeviceName, Row], page: int, *, history: bool) -> Drawn:
        """Alerts, newest first."""
        draw = self._macros(view, "alert_parts.html")
        pages = max(1, -(-len(found) // ALERTS_EACH_PAGE))
        page = min(page, pages)
        shown = found[(page - 1) * ALERTS_EACH_PAGE : page * ALERTS_EACH_PAGE]
        untaken = sum(alert.acknowledged_ms is None and alert.ended_ms is None for alert in found)
        parts = {"head": str(draw.head(len(found), untaken))}
        parts |= {f"a{alert.number}": str(draw.alert(alert, rows.get(alert.name))) for alert in shown}
        parts["pager"] = str(draw.pager(page, pages, history))
        return Drawn(str(draw.whole(Parts(parts), [f"a{alert.number}" for alert in shown])), parts)

    def order(self, view: View, ordered: Ordered) -> Drawn:
        """What has become of a command."""
        parts = {"order": str(self._macros(view, "device_parts.html").order(ordered))}
        return Drawn(parts["order"], parts)

    # ── filling ──

    def _fill(self, template: str, view: View, **values: Any) -> str:
        return self._templates.get_template(template).render(**self._common(view), **values)

    def _macros(self, view: View, template: str) -> Any:
        return self._templates.get_template(template).make_module(self._common(view))

    @staticmethod
    def _common(view: View) -> dict[str, Any]:
        words = view.words
        other = next(language for language in LANGUAGES if language != words.language)
        return {
            "t": words.say, "trouble": words.of_trouble, "reason": words.of_reason,
            "language": words.language, "other": other, "when": when, "today": on_the_day,
            "other_name": WORDS[other].say("language"), "here": view.here, "operator": view.operator, "offered": offered(view.operator),
            "token": "" if view.session is None else view.session.form_token, "troubles": list(Trouble),
            "path": path_of,
        }  # fmt: skip


class Parts(dict[str, str]):
    """Parts that are markup already."""

    def __getitem__(self, name: str) -> Markup:
        return Markup(super().__getitem__(name))  # noqa: S704 - rendered by our templates, which escape


def offered(operator: Operator | None) -> Sequence[Action]:
    """The commands that somebody may send."""
    return OFFERED if operator is not None and operator.commands else ()


def path_of(name: DeviceName) -> str:
    """A device's page, without the language."""
    return f"/device/{name.org}/{name.device}"


def _id(name: DeviceName) -> str:
    return f"r.{name.org}.{name.device}"


def _local(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(VIETNAM)


def when(at_ms: int | None, seconds: bool = False) -> str:
    """A time as people read it: of today the hours alone. A page that is open over midnight is drawn anew with what comes."""
    if not at_ms:
        return "–"
    local = _local(at_ms)
    clock = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    return clock if local.date() == _local(now_ms()).date() else f"{local:%d/%m} {clock}"


def on_the_day(at_ms: int) -> str:
    """A time with its day and year."""
    return f"{_local(at_ms):%d/%m/%Y %H:%M}"


def short_age(seconds: float) -> str:
    """A span of time in its two largest units; the units are the same in both languages.

    Example:
        >>> [short_age(seconds) for seconds in (42, 600, 3_720, 200_000)]
        ['42 s', '10 min', '1 h 2 min', '2 d 7 h']
    """
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def facts_of(words: Words, sight: DeviceSight, told: Telemetry) -> list[tuple[str, str]]:
    """Everything a device tells of itself, as word and value."""
    t, seen = words.say, sight.row.seen
    found: list[tuple[str, str | None]] = [
        ("gate", t(f"gate.{told.gate}")),
        ("outbox", _outbox(words, told)),
        ("today", None if told.log is None or told.log.entries_today is None else str(told.log.entries_today)),
        ("scanned", when(seen.scanned_ms) if seen.scanned_ms else None),
        ("inside", None if told.presence is None else str(told.presence.inside)),
        ("sources", "; ".join(f"{lane}: {_source(words, source)}" for lane, source in told.sources.items()) or None),
        ("network", _network(words, told)),
        ("clock", t(f"clock.{told.clock}")),
        ("power", words.of_trouble(", ".join(told.power.now)) or t("power.good")),
        ("cpu", _joined(_of("%", told.cpu.busy_percent), _of("°C", told.cpu.temperature_c))),
        ("memory", None if told.memory is None else f"{told.memory.available_mb} / {told.memory.total_mb} MB"),
        ("disk", None if told.disk is None else f"{told.disk.free_mb} / {told.disk.total_mb} MB"),
        ("certificate", None if told.certificate_days is None else t("days", count=told.certificate_days)),
        ("software", _joined(told.versions.software, told.versions.system)),
        ("board", told.versions.board or None),
        ("uptime", short_age(told.uptime_s)),
        ("restarts", _counts(told.restarts)),
        ("answers", _counts({words.of_answer(kind): count for kind, count in told.answers.items()})),
        ("head", None if told.log is None else f"{told.log.id[:8]}… · {told.log.seq}"),
        ("position", None if told.position is None else f"{told.position.latitude:.3f}, {told.position.longitude:.3f}"),
        ("refused", "; ".join(f"{each.leaf}: {each.times}" for each in sight.refused) or None),
    ]
    return [(t(f"fact.{word}"), value) for word, value in found if value is not None]


def _joined(*parts: str | None) -> str | None:
    return " · ".join(part for part in parts if part) or None


def _of(unit: str, value: float | None) -> str | None:
    return None if value is None else f"{charts.number(value)} {unit}"


def _counts(counts: Mapping[str, int]) -> str | None:
    return ", ".join(f"{word} {count}" for word, count in counts.items()) or None


def _outbox(words: Words, told: Telemetry) -> str | None:
    if told.outbox is None:
        return None
    if not told.outbox.waiting:
        return "0"
    return words.say("waiting.age", count=told.outbox.waiting, age=short_age(told.outbox.oldest_age_s))


def _source(words: Words, source: Any) -> str:
    return _joined(words.say(f"source.{source.state}"), _of("/s", source.frames_per_s), _of("ms p95", source.decode_p95_ms)) or ""


def _network(words: Words, told: Telemetry) -> str | None:
    if told.network is None:
        return None
    return _joined(words.say(f"network.{told.network.kind}"), _of("dBm", told.network.signal_dbm))


def _day(words: Words, history: Sequence[Sample], at_ms: int) -> tuple[list[dict[str, Any]], list[tuple[str, list[str]]]]:
    """The charts that have something to show, and their numbers by hour: the hour, then a value for each chart."""
    shown, columns = [], []
    for line in charts.LINES:
        points = charts.series(line, history)
        title = words.say(f"chart.{line.word}") + (f" ({line.unit})" if line.unit else "")
        values = [value for _at_ms, value in points]
        if not values:
            continue
        low, high, last = (charts.number(value) for value in (min(values), max(values), values[-1]))
        says = words.say("chart.says", title=title, count=len(values), low=low, high=high, last=last)
        if svg := charts.chart(line, points, at_ms, says):
            shown.append({"title": title, "last": last, "svg": Markup(svg)})  # noqa: S704 - numbers of ours, title escaped
            columns.append(charts.hourly(points, at_ms))
    hours = []
    for hour in range(24):
        values_of = [column[hour] for column in columns]
        if any(value is not None for value in values_of):
            begins_ms = at_ms - charts.DAY_MS + hour * 3_600_000
            hours.append((charts.clock(begins_ms), ["–" if value is None else charts.number(value) for value in values_of]))
    return shown, hours
