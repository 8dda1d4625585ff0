"""The fleet in a terminal, live: the list, a device with its last day, alerts to acknowledge, commands with confirmation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Input, Label, Sparkline, Static

from edge_agent.wire.command import Action
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.base.errors import ProvinceError
from province.fleet import charts
from province.fleet.accounts import Operator
from province.fleet.orders import Ordered, Orders, new_ref
from province.fleet.picking import ORDERS, Wanted, pick
from province.fleet.sight import Row, Sight, State, is_quiet
from province.fleet.terminal_questions import Choose, Confirm
from province.fleet.views import SHAPES, DeviceSight, facts_of, offered, when
from province.fleet.words import WORDS, Words
from province.watch.fleet_store import FleetAlert
from province.web.languages import LANGUAGES

_EACH_S = 0.25
_COLOURS: Mapping[State, str] = {
    State.ALARM: "bold red", State.OFFLINE: "magenta", State.TROUBLE: "yellow", State.SHUT: "grey70", State.WELL: "green",
}  # fmt: skip
_COLUMNS = ("state", "device", "site", "look", "waiting", "today", "warm", "heard")
_Cells = tuple[Text, ...]


def cells(words: Words, row: Row) -> _Cells:
    """A device as the list's cells."""
    seen, told, state = row.seen, row.seen.telemetry, row.state
    look = "; ".join(
        f"{words.say(f'trouble.{alert.trouble}')}: {words.of_trouble(alert.words)}" + (" ✓" if alert.acknowledged_ms else "")
        for alert in row.alerts
    )
    waiting = "–" if told is None or told.outbox is None else str(told.outbox.waiting)
    today = "–" if told is None or told.log is None or told.log.entries_today is None else str(told.log.entries_today)
    warm = "–" if told is None or told.cpu.temperature_c is None else f"{told.cpu.temperature_c:.0f}°"
    return (
        Text(f"{SHAPES[state]} {words.say(f'state.{state}')}", _COLOURS[state]), Text(str(seen.name)), Text(f"{seen.site} · {seen.gate}"),
        Text(look, no_wrap=True), Text(waiting, justify="right"), Text(today, justify="right"), Text(warm, justify="right"),
        Text(when(row.heard_ms, seconds=True) if row.heard_ms else words.say("fleet.never"), justify="right"),
    )  # fmt: skip


class DeviceScreen(Screen[None]):
    """One device: what it tells, its last day, its alerts, what was ordered."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "←"),
        Binding("c", "command", "Lệnh/Command"),
        Binding("k", "take", "Nhận/Acknowledge"),
    ]

    def __init__(self, name: DeviceName) -> None:
        super().__init__()
        self._whom = name
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
        self.set_interval(_EACH_S * 2, self.follow)

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
        head = Text.assemble((f"{SHAPES[state]} {words.say(f'state.{state}')}  ", _COLOURS[state]), (str(self._whom), "bold"))
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
            self.app.push_screen(question, lambda why: None if why is None else desk.order(self._whom, action, why))

        self.app.push_screen(Choose(desk.words, actions), chosen)

    def action_take(self) -> None:
        """Acknowledges the worst alert that nobody has taken on."""
        row = self._desk.sight.picture.get(self._whom)
        alert = None if row is None else next((each for each in row.alerts if each.acknowledged_ms is None), None)
        if alert is not None:
            self._desk.take(alert)

    @property
    def _desk(self) -> FleetTerminal:
        app = self.app
        assert isinstance(app, FleetTerminal)  # noqa: S101 - of no other is it a screen
        return app


def _alert(words: Words, alert: FleetAlert) -> str:
    since = words.say("alerts.since", time=when(alert.raised_ms))
    said = f"▲ {words.say(f'trouble.{alert.trouble}')}: {words.of_trouble(alert.words)} · {since}"
    if alert.acknowledged_ms is None:
        return said
    taken = words.say("alerts.taken", by=alert.acknowledged_by, time=when(alert.acknowledged_ms))
    return f"{said} · ✓ {taken}" + (f": {alert.acknowledged_note}" if alert.acknowledged_note else "")


class FleetTerminal(App[None]):
    """The list.

    Args:
        sight: started.
        operator: whose organisation is shown, and whether commands may be sent.
        orders: for commands, started; None: none are sent.
        language: to begin with.
    """

    TITLE = "gate-province fleet"
    CSS_PATH = "terminal.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "state", "Tình trạng/State"),
        Binding("o", "order", "Sắp xếp/Order"),
        Binding("slash", "find", "Tìm/Find"),
        Binding("l", "language", "Tiếng Việt/English"),
        Binding("q", "quit", "Thoát/Quit"),
        Binding("escape", "clear", "", show=False),
    ]

    def __init__(self, sight: Sight, operator: Operator, orders: Orders | None, language: str = LANGUAGES[0]) -> None:
        super().__init__()
        self.sight, self.orders, self.words = sight, orders, WORDS[language]
        self._operator = operator
        self._wanted = Wanted()
        self._shown: object = None
        self._cells: dict[str, _Cells] = {}

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's signature
        """What belongs to the list is offered there alone."""
        return action not in {"find", "state", "order", "clear"} or len(self.screen_stack) == 1

    def compose(self) -> ComposeResult:
        """Counts, list, and where one types what to find."""
        yield Static(id="counts")
        yield DataTable[Text](id="list", cursor_type="row", zebra_stripes=False)
        yield Input(id="find", compact=True)
        yield Footer()

    def on_mount(self) -> None:
        """Begins to follow."""
        self.query_one("#find", Input).display = False
        self._columns()
        self.follow()
        self.query_one(DataTable).focus()
        self.set_interval(_EACH_S, self.follow)

    def _columns(self) -> None:
        table = self.query_one(DataTable)
        table.clear(columns=True)
        self._cells = {}
        for word in _COLUMNS:
            table.add_column(self.words.say(f"fleet.{word}"), key=word, width=self._width(word))

    def _width(self, word: str) -> int | None:
        fixed = {"state": 14, "device": 19, "site": 24, "waiting": 7, "today": 7, "warm": 5, "heard": 12}
        return fixed.get(word, max(24, self.size.width - sum(fixed.values()) - 2 * len(_COLUMNS) - 2))  # a narrow one scrolls

    def follow(self) -> None:
        """Shows what has changed."""
        picture = self.sight.picture
        if self._shown == (id(picture), self._wanted, self.words.language):
            return
        self._shown = (id(picture), self._wanted, self.words.language)
        picked = pick(picture.of(self._operator.org), self._wanted, None)
        self._count(picked.counts, picked.found, quiet_ms=picture.heard_ms if is_quiet(picture) else None)
        wanted = {str(row.seen.name): cells(self.words, row) for row in picked.rows}
        if list(wanted) == list(self._cells):
            self._update(wanted)
        else:
            self._rebuild(wanted)
        self._cells = wanted

    def _update(self, wanted: Mapping[str, _Cells]) -> None:
        table = self.query_one(DataTable)
        for name, now in wanted.items():
            for column, before, cell in zip(_COLUMNS, self._cells[name], now, strict=True):
                if before != cell:
                    table.update_cell(name, column, cell)

    def _rebuild(self, wanted: Mapping[str, _Cells]) -> None:
        table = self.query_one(DataTable)
        stood = self._stood()
        table.clear()
        for name, now in wanted.items():
            table.add_row(*now, key=name)
        if stood in wanted:
            table.move_cursor(row=table.get_row_index(stood), animate=False)

    def _stood(self) -> str:
        """The name in the row of the cursor."""
        table = self.query_one(DataTable)
        return list(self._cells)[table.cursor_row] if 0 <= table.cursor_row < min(len(self._cells), table.row_count) else ""

    def _count(self, counts: Mapping[State, int], found: int, quiet_ms: int | None) -> None:
        line = Text()
        for state in State:
            style = f"{_COLOURS[state]}{' reverse' if state is self._wanted.state else ''}"
            line.append(f" {SHAPES[state]} {self.words.say(f'state.{state}')} {counts.get(state, 0)} ", style)
            line.append(" ")
        line.append(f"│ {self.words.say('fleet.count', found=found)} · {self.words.say(f'order.{self._wanted.order}')}", "dim")
        if self._wanted.text:
            line.append(f" · “{self._wanted.text}”", "bold")
        if quiet_ms is not None:
            line.append(f"\n ! {self.words.say('quiet', time=when(quiet_ms))}", "bold yellow")
        self.query_one("#counts", Static).update(line)

    # ── what keys do ──

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """A device's own screen."""
        org, _, device = str(event.row_key.value).partition("/")
        self.push_screen(DeviceScreen(DeviceName(org, device)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Only what holds this text."""
        if event.input.id == "find":
            event.input.display = False
            self._wanted = replace(self._wanted, text=event.value.strip())
            self.query_one(DataTable).focus()
            self.follow()

    def action_find(self) -> None:
        """Asks for a text."""
        find = self.query_one("#find", Input)
        find.placeholder, find.display = self.words.say("fleet.search"), True
        find.focus()

    def action_clear(self) -> None:
        """Shows all again."""
        self.query_one("#find", Input).display = False
        self._wanted = Wanted(order=self._wanted.order)
        self.query_one(DataTable).focus()
        self.follow()

    def action_state(self) -> None:
        """The next state alone, and after the last all."""
        choices = [None, *State]
        self._wanted = replace(self._wanted, state=choices[(choices.index(self._wanted.state) + 1) % len(choices)])
        self.follow()

    def action_order(self) -> None:
        """The next order."""
        self._wanted = replace(self._wanted, order=ORDERS[(ORDERS.index(self._wanted.order) + 1) % len(ORDERS)])
        self.follow()

    def action_language(self) -> None:
        """The other language."""
        self.words = WORDS[next(language for language in LANGUAGES if language != self.words.language)]
        self._columns()
        self.follow()

    # ── for the screens ──

    def offered(self) -> Sequence[Action]:
        """The commands that may be sent."""
        return () if self.orders is None else offered(self._operator)

    def orders_of(self, name: DeviceName) -> list[Ordered]:
        """What was sent to a device from here."""
        return [] if self.orders is None else self.orders.of(name)

    def order(self, name: DeviceName, action: Action, why: str) -> None:
        """Sends a command; what becomes of it is on the device's screen."""
        if (orders := self.orders) is None:
            return
        self._tried(lambda: orders.give(new_ref(), name, action, why, self._operator.name))

    def take(self, alert: FleetAlert) -> None:
        """Asks for a note, and acknowledges an alert."""
        explained = f"{alert.name}\n{self.words.say(f'trouble.{alert.trouble}')}: {self.words.of_trouble(alert.words)}"
        question = Confirm(self.words, self.words.say("alerts.confirm"), explained, self.words.say("alerts.note"))

        def answered(note: str | None) -> None:
            if note is not None:
                self._tried(lambda: self.sight.acknowledge(self._operator.org, alert.number, self._operator.name, note))

        self.push_screen(question, answered)

    def _tried(self, work: Callable[[], object]) -> None:
        try:
            work()
        except ProvinceError as error:
            self.notify(str(error), severity="error", markup=False)
