"""The fleet in a terminal, live: the list, and from there each device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Input, Static

from edge_agent.wire.topics import DeviceName
from province.fleet.accounts import Operator
from province.fleet.orders import Orders
from province.fleet.picking import ORDERS, Wanted, pick
from province.fleet.sight import Row, Sight, State, is_quiet
from province.fleet.terminal_desk import COLOURS, Desk
from province.fleet.terminal_device import DeviceScreen
from province.fleet.views import SHAPES, when
from province.fleet.words import WORDS, Words
from province.web.languages import LANGUAGES

_EACH_S = 0.25
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
        Text(f"{SHAPES[state]} {words.say(f'state.{state}')}", COLOURS[state]), Text(str(seen.name)), Text(f"{seen.site} · {seen.gate}"),
        Text(look, no_wrap=True), Text(waiting, justify="right"), Text(today, justify="right"), Text(warm, justify="right"),
        Text(when(row.heard_ms, seconds=True) if row.heard_ms else words.say("fleet.never"), justify="right"),
    )  # fmt: skip


class FleetTerminal(App[None]):
    """The list.

    Args:
        sight: started.
        operator: whose organisation is shown, and whether commands may be sent.
        orders: for commands, started; None: none are sent.
        language: to begin with.

    Attributes:
        desk: what the screens stand on.
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
        self.desk = Desk(sight, operator, orders, language)
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
            table.add_column(self.desk.words.say(f"fleet.{word}"), key=word, width=self._width(word))

    def _width(self, word: str) -> int | None:
        fixed = {"state": 14, "device": 19, "site": 24, "waiting": 7, "today": 7, "warm": 5, "heard": 12}
        return fixed.get(word, max(24, self.size.width - sum(fixed.values()) - 2 * len(_COLUMNS) - 2))  # a narrow one scrolls

    def follow(self) -> None:
        """Shows what has changed."""
        picture = self.desk.sight.picture
        if self._shown == (id(picture), self._wanted, self.desk.words.language):
            return
        self._shown = (id(picture), self._wanted, self.desk.words.language)
        picked = pick(picture.of(self.desk.operator.org), self._wanted, None)
        self._count(picked.counts, picked.found, quiet_ms=picture.heard_ms if is_quiet(picture) else None)
        wanted = {str(row.seen.name): cells(self.desk.words, row) for row in picked.rows}
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
            style = f"{COLOURS[state]}{' reverse' if state is self._wanted.state else ''}"
            line.append(f" {SHAPES[state]} {self.desk.words.say(f'state.{state}')} {counts.get(state, 0)} ", style)
            line.append(" ")
        line.append(f"│ {self.desk.words.say('fleet.count', found=found)} · {self.desk.words.say(f'order.{self._wanted.order}')}", "dim")
        if self._wanted.text:
            line.append(f" · “{self._wanted.text}”", "bold")
        if quiet_ms is not None:
            line.append(f"\n ! {self.desk.words.say('quiet', time=when(quiet_ms))}", "bold yellow")
        self.query_one("#counts", Static).update(line)

    # ── what keys do ──

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """A device's own screen."""
        org, _, device = str(event.row_key.value).partition("/")
        self.push_screen(DeviceScreen(self.desk, DeviceName(org, device)))

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
        find.placeholder, find.display = self.desk.words.say("fleet.search"), True
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
        self.desk.words = WORDS[next(language for language in LANGUAGES if language != self.desk.words.language)]
        self._columns()
        self.follow()
