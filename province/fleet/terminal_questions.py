"""What the terminal asks before it does something: which command, and whether, with a word on why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from edge_agent.wire.command import Action
from province.fleet.words import Words


class Confirm(ModalScreen[str | None]):
    """Asks once more, with room for a word on why; gives the word back, None for no."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss_no", "", show=False)]

    def __init__(self, words: Words, title: str, explained: str, label: str) -> None:
        super().__init__()
        self._words, self._title, self._explained, self._label = words, title, explained, label

    def compose(self) -> ComposeResult:
        """The question."""
        with Vertical(id="dialog"):
            yield Label(self._title, classes="title", markup=False)
            yield Static(self._explained, markup=False)
            yield Label(self._label, markup=False)
            yield Input(max_length=100, id="why")
            yield Static(f"Enter: {self._words.say('order.yes')}   Esc: {self._words.say('order.no')}", classes="soft", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Yes."""
        self.dismiss(event.value)

    def action_dismiss_no(self) -> None:
        """No."""
        self.dismiss(None)


class Choose(ModalScreen[Action | None]):
    """Which command."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss_no", "", show=False)]

    def __init__(self, words: Words, actions: Sequence[Action]) -> None:
        super().__init__()
        self._words, self._actions = words, actions

    def compose(self) -> ComposeResult:
        """The list."""
        with Vertical(id="dialog"):
            yield Label(self._words.say("device.commands"), classes="title")
            yield OptionList(*(Option(self._words.say(f"do.{action}"), id=str(action)) for action in self._actions))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """This one."""
        self.dismiss(Action(str(event.option_id)))

    def action_dismiss_no(self) -> None:
        """None of them."""
        self.dismiss(None)
