"""The rules of one gate: the only place that says what the gate's decisions go by, whoever gave the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_agent.device.settings import GateSettings, LaneSettings
from firmware.directions import LaneRule, Mode
from firmware.health import Policy
from firmware.health_pass import TrustListError, load_trust_list
from firmware.nightly import BadTime, read_time
from firmware.opening_hours import BadHours, OpeningHours, read_hours
from firmware.passback import Passback

_PASSBACK_REPEAT_S = 5.0  # longer, and a phone handed back over the fence would get the green of "already"


@dataclass(frozen=True, slots=True)
class GateRules:
    """What a gate decides by.

    Attributes:
        lanes: by name.
        repeat_s: the same person again in the same direction within so many seconds, and not the other way between, is not recorded again.
        button_s: a direction button counts for codes read within so many seconds after it.
        hours: when people may come in.
        quiet_hours: when no buzzer sounds; None never.
        reset_minute: minute of the day in Vietnam at which presence begins anew; None never.
        passback: how strict anti-passback is.
        passback_s: how long timed anti-passback refuses.
        health: what is wanted of passes.
        pass_s: a pass and its holder's code belong together within so many seconds.
        keeper_button: a part whose press lets the next person in; empty: there is none.

    Raises:
        ValueError: anti-passback would have to judge guesses; `rule_problems` says so first.
    """

    lanes: Mapping[str, LaneRule]
    repeat_s: float = 30.0
    button_s: float = 10.0
    hours: OpeningHours = OpeningHours()  # noqa: RUF009 - frozen
    quiet_hours: OpeningHours | None = None
    reset_minute: int | None = 0
    passback: Passback = Passback.OFF
    passback_s: float = 900.0
    health: Policy = Policy.OFF
    pass_s: float = 20.0
    keeper_button: str = ""

    def __post_init__(self) -> None:
        guessing = [name for name, lane in self.lanes.items() if lane.guesses]
        if self.passback is not Passback.OFF and guessing:
            raise ValueError(f"anti-passback {str(self.passback)!r} cannot judge guesses, and {guessing[0]!r} guesses")

    @property
    def counts(self) -> bool:
        """Whether those inside can be counted: some lane says in, and some says out."""
        modes = {lane.mode for lane in self.lanes.values()}
        return Mode.BUTTON in modes or modes >= {Mode.IN, Mode.OUT}

    def quiet(self, wall_ms: int | None) -> bool:
        """Whether no buzzer should sound at a time, milliseconds since 1970; without a known time they sound."""
        return wall_ms is not None and self.quiet_hours is not None and self.quiet_hours.are_open(wall_ms)


def rules_of(gate: GateSettings, lanes: tuple[LaneSettings, ...]) -> GateRules:
    """The rules of a configuration without problems.

    Raises:
        BadHours, BadTime: `rule_problems` would have said so.
    """
    passback = Passback(gate.anti_passback)
    return GateRules(
        lanes={lane.name: _lane_rule(lane) for lane in lanes},
        repeat_s=gate.repeat_s if passback is Passback.OFF else min(gate.repeat_s, _PASSBACK_REPEAT_S),
        button_s=gate.button_s,
        hours=read_hours(gate.opening_hours),
        quiet_hours=read_hours(gate.quiet_hours) if gate.quiet_hours else None,
        reset_minute=read_time(gate.presence_reset),
        passback=passback,
        passback_s=gate.passback_s,
        health=Policy(gate.health_pass),
        pass_s=gate.pass_s,
        keeper_button=gate.keeper_button,
    )


def _lane_rule(lane: LaneSettings) -> LaneRule:
    return LaneRule(Mode(lane.direction), lane.button_in, lane.button_out, lane.button_turn)


def rule_problems(gate: GateSettings | None, lanes: Mapping[int, LaneSettings]) -> Iterator[str]:
    """What in a configuration makes no rules, for people; an unreadable trust list too."""
    for place, lane in lanes.items():
        yield from _button_problems(f"lane[{place}]", lane)
    if gate is None:
        return
    yield from _problem("gate.opening_hours", lambda: read_hours(gate.opening_hours), BadHours)
    yield from _problem("gate.quiet_hours", lambda: read_hours(gate.quiet_hours), BadHours)
    yield from _problem("gate.presence_reset", lambda: read_time(gate.presence_reset), BadTime)
    if gate.anti_passback != "off" and not any(lane.direction in {"out", "button"} for lane in lanes.values()):
        yield f"gate.anti_passback: {gate.anti_passback!r} is not allowed when no lane can say out; allowed is off, or a lane for going out"
    guessing = [f"lane[{place}]" for place, lane in lanes.items() if _lane_rule(lane).guesses]
    if gate.anti_passback != "off" and guessing:
        yield (
            f"gate.anti_passback: {gate.anti_passback!r} is not allowed with {' and '.join(guessing)}, which guesses the direction; "
            "allowed is off, or lanes that know it: in, out, a single button, or button_turn"
        )
    if gate.trust_list:
        yield from _problem("gate.trust_list", lambda: load_trust_list(Path(gate.trust_list)), TrustListError)
    elif gate.health_pass != "off":  # noqa: S105 - a health pass
        yield f"gate.trust_list: missing; health_pass {gate.health_pass!r} needs the file of those who may sign passes"


def _problem(key: str, read: Callable[[], object], error: type[Exception]) -> Iterator[str]:
    try:
        read()
    except error as problem:
        yield f"{key}: {problem}"


def _button_problems(where: str, lane: LaneSettings) -> Iterator[str]:
    buttons = [name for name in (lane.button_in, lane.button_out, lane.button_turn) if name]
    if lane.direction != "button":
        if buttons:
            yield f'{where}: has a button, and direction {lane.direction!r} asks for none; allowed is direction = "button"'
    elif not buttons:
        yield f"{where}: direction 'button' needs button_in, button_out or both, or button_turn: the name of a part"
    elif (lane.button_turn and len(buttons) > 1) or len(set(buttons)) < len(buttons):
        yield f"{where}: its buttons contradict each other; allowed is button_in, button_out or both (two parts), or button_turn alone"
