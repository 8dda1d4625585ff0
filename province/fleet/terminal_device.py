"""A device in the terminal: what it tells, its last day, its alerts to acknowledge, commands with confirmation."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Label, Sparkline, Static

from edge_agent.wire.command import Action
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.base.errors import ProvinceError
from province.fleet import charts
from province.fleet.terminal_desk import COLOURS, Desk
from province.fleet.terminal_questions import Choose, Confirm
from province.fleet.views import SHAPES, DeviceSight, facts_of, when
from province.fleet.words import Words
from province.watch.fleet_store import FleetAlert

_EACH_S = 0.5


class DeviceScreen(Screen[None]):
    """One device: what it tells, its last day, its alerts, what was ordered."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "←"),
        Binding("c", "command", "Lệnh/Command"),
        Binding("k", "take", "Nhận/Acknowledge"),
    ]

    def __init__(self, desk: Desk, name: DeviceName) -> None:
        super().__init__()
        self._desk, self._whom = desk, name
        self._shown: object = None

    def compose(self) -> ComposeResult:
        """The parts, filled when they are looked at."""
        yield Static(id="head", markup=False)
        with VerticalScroll():
            yield Static(id="alerts", markup=False)
            yield Static(id="facts", markup=False)
            with Grid(id="day"):
                for line in charts.LINES:
                    with Vertical(classes="chart", id=f"chart-{line.word}"):
                        yield Label("", markup=False)
                        yield Sparkline([])
            yield Static(id="orders", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Begins to follow."""
        self.follow()
        self.set_interval(_EACH_S, self.follow)

    def follow(self) -> None:
        """Shows what has changed."""
        desk, words = self._desk, self._desk.words
        row, orders = desk.sight.picture.get(self._whom), desk.orders_of(self._whom)
        if row is None:
            self.app.pop_screen()
            return
        if self._shown == (row, orders, words.language):
            return
        self._shown = (row, orders, words.language)
        history, refused = desk.sight.ask(lambda store: (store.history(self._whom.org, self._whom), store.refused(self._whom.org)))
        state = row.state
        head = Text.assemble((f"{SHAPES[state]} {words.say(f'state.{state}')}  ", COLOURS[state]), (str(self._whom), "bold"))
        self.query_one("#head", Static).update(head.append(f"  {row.seen.site} · {row.seen.gate}"))
        self.query_one("#alerts", Static).update("\n".join(_alert(words, alert) for alert in row.alerts))
        mine = [each for each in refused if each.name == self._whom]
        told = row.seen.telemetry
        found = [] if told is None else facts_of(words, DeviceSight(row, history, (), mine, orders), told)
        width = max((len(word) for word, _value in found), default=0) + 2
        lines = [Text.assemble((word.ljust(width), "dim"), value) for word, value in found]
        self.query_one("#facts", Static).update(Text("\n").join(lines) if lines else words.say("device.nothing"))
        for line in charts.LINES:
            self._draw(words, line, charts.series(line, history))
        self.query_one("#orders", Static).update(
            "\n".join(
                f"{when(each.at_ms)}  {words.say(f'do.{each.action}')}: {words.say(f'order.{each.word}')} {each.trouble}" for each in orders
            )
        )

    def _draw(self, words: Words, line: charts.Line, points: charts.Points) -> None:
        box = self.query_one(f"#chart-{line.word}", Vertical)
        box.display = bool(points)
        if points:
            values = [value for _at_ms, value in points]
            low, high, last = (charts.number(value) for value in (min(values), max(values), values[-1]))
            box.query_one(Label).update(f"{words.say(f'chart.{line.word}')} {last} {line.unit}  ({low} … {high})")
            hours = [0.0 if value is None else value for value in charts.hourly(points, now_ms())]
            floor = 0.0 if line.from_zero else min((value for value in hours if value), default=0.0)
            box.query_one(Sparkline).data = [max(0.0, value - floor) if value else 0.0 for value in hours]

    def action_command(self) -> None:
        """Asks which command, then once more, then sends it."""
        desk, actions = self._desk, self._desk.offered()
        if not actions:
            self.notify(desk.words.say("order.none"))
            return

        def chosen(action: Action | None) -> None:
            if action is None:
                return
            explained = f"{self._whom}\n{desk.words.say(f'what.{action}')}"
            question = Confirm(desk.words, desk.words.say(f"do.{action}") + "?", explained, desk.words.say("order.reason"))
            self.app.push_screen(question, lambda why: None if why is None else self._tried(lambda: desk.order(self._whom, action, why)))

        self.app.push_screen(Choose(desk.words, actions), chosen)

    def action_take(self) -> None:
        """Acknowledges the worst alert that nobody has taken on."""
        row = self._desk.sight.picture.get(self._whom)
        alert = None if row is None else next((each for each in row.alerts if each.acknowledged_ms is None), None)
        if alert is not None:
            self._take(alert)

    def _take(self, alert: FleetAlert) -> None:
        """Asks for a note, and acknowledges an alert."""
        desk, words = self._desk, self._desk.words
        explained = f"{alert.name}\n{words.say(f'trouble.{alert.trouble}')}: {words.of_trouble(alert.words)}"
        question = Confirm(words, words.say("alerts.confirm"), explained, words.say("alerts.note"))
        self.app.push_screen(question, lambda note: None if note is None else self._tried(lambda: desk.acknowledge(alert, note)))

    def _tried(self, work: Callable[[], object]) -> None:
        try:
            work()
        except ProvinceError as error:
            self.notify(str(error), severity="error", markup=False)


def _alert(words: Words, alert: FleetAlert) -> str:
    since = words.say("alerts.since", time=when(alert.raised_ms))
    said = f"▲ {words.say(f'trouble.{alert.trouble}')}: {words.of_trouble(alert.words)} · {since}"
    if alert.acknowledged_ms is None:
        return said
    taken = words.say("alerts.taken", by=alert.acknowledged_by, time=when(alert.acknowledged_ms))
    return f"{said} · ✓ {taken}" + (f": {alert.acknowledged_note}" if alert.acknowledged_note else "")
