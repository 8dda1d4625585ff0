"""Runs the self-test over everything one configuration names, in order, while keeping out of a running gate's way."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from queue import Empty, Queue
from threading import Thread

from edge_agent.device.settings import Settings
from firmware import board_checks
from firmware.certificate_checks import check_broker, loose_files
from firmware.configuration import devices_in
from firmware.indicator_checks import check_indicator, show_result
from firmware.part_checks import check_parts
from firmware.pin_checks import check_boot_levels, check_pins
from firmware.running_gate import alone, indicators, leave_alone
from firmware.state_checks import check_folders, check_identity, check_membership
from firmware.verdict import Finding, Scope, Verdict, fault, guarded, note, skipped

_REPORT = "report it, please"
_BROKER_S = 4.0  # looking a name up takes as long as the network likes


@dataclass(frozen=True, slots=True)
class Manner:
    """How to test.

    Attributes:
        prompt: asks the person at the gate to show a code; None asks nobody.
        online: whether to try the broker too.
        first_boot: in silence, and with the result on the lights at the end.
        no_output: what prints to the terminal (a `console:` light) must leave standard output alone.
        loosened: keys that others could read until a moment ago, see `loose_files`.
        of_gate: the gate itself asks, which holds its lock and none of its devices.
        scope: how much to test.
        earlier: what was found before, of what `scope` leaves out; it counts for the lights.
    """

    prompt: Callable[[str], None] | None = None
    online: bool = True
    first_boot: bool = False
    no_output: bool = False
    loosened: tuple[str, ...] = ()
    of_gate: bool = False
    scope: Scope = Scope.WHOLE
    earlier: tuple[Finding, ...] = ()


def self_test(settings: Settings, manner: Manner) -> Iterator[Finding]:
    """Tests everything and yields what was found, part by part; writes nothing but a scratch file that is removed again."""
    seen = list(manner.earlier)
    with contextlib.nullcontext() if manner.of_gate else alone(settings) as running:
        for finding in _test(settings, running, manner):
            seen.append(finding)
            yield finding
        if manner.first_boot and running is None and manner.scope is not Scope.PARTS:  # a gate that waits has a light of its own
            well = all(finding.verdict is not Verdict.FAULT for finding in seen)
            for part, url in indicators(settings):
                with _output_elsewhere(manner):
                    shown = show_result(f"result on {part}", url, well=well)
                yield shown


def _test(settings: Settings, running: Finding | None, manner: Manner) -> Iterator[Finding]:
    if manner.scope is Scope.PARTS:
        yield skipped("identity", "not enrolled; keys, certificate, clock and broker are tested when it has joined")
        yield from chain(_test_machine(settings), check_folders(settings), _test_devices(settings, running, manner))
        return
    loosened = [*manner.loosened, *loose_files(settings.device.state)]  # before loading closes them
    enrolled, identity = check_identity(settings.device.state)
    broker = _Later(lambda: check_broker(identity, settings.device.state)) if identity is not None and manner.online else None
    whole = manner.scope is Scope.WHOLE
    yield enrolled
    if whole:
        yield from _test_machine(settings)
    yield from check_membership(settings, identity, loosened)
    if whole:
        yield from check_folders(settings)
    yield skipped("broker", _why_not(manner)) if broker is None else broker.result()
    if whole:
        yield from _test_devices(settings, running, manner)


def _why_not(manner: Manner) -> str:
    return "see identity" if manner.online else "--offline"


class _Later:
    """A test that runs beside the others, and may be stuck."""

    def __init__(self, test: Callable[[], Finding]) -> None:
        self._answers: Queue[Finding] = Queue()
        Thread(target=lambda: self._answers.put(guarded("broker", _REPORT, test)), name="broker check", daemon=True).start()

    def result(self) -> Finding:
        try:
            return self._answers.get(timeout=_BROKER_S)
        except Empty:
            return note("broker", f"no answer within {_BROKER_S:g} s", "check the network; scans go on, and entries wait here")


def _test_machine(settings: Settings) -> Iterator[Finding]:
    machine, urls = board_checks.Machine(), [url for _key, url in devices_in(settings)]
    yield guarded("board", _REPORT, lambda: board_checks.check_board(machine, urls))
    groups = board_checks.check_groups(machine, urls, settings.device.state)
    if groups is not None:
        yield groups
    levels = check_boot_levels(settings)
    if levels is not None:
        yield levels
    yield board_checks.check_power()
    yield board_checks.check_heat()
    yield board_checks.check_memory()


def _test_devices(settings: Settings, running: Finding | None, manner: Manner) -> Iterator[Finding]:
    if running is not None:
        yield running
        yield from leave_alone(settings, running)
        return
    pins = check_pins(settings)
    if pins is not None:
        yield pins
    yield from _test_lanes(settings, manner)
    yield from check_parts(settings)
    for part, url in indicators(settings):
        with _output_elsewhere(manner):
            finding = check_indicator(part, url, silent=manner.first_boot)
        yield finding


def _test_lanes(settings: Settings, manner: Manner) -> Iterator[Finding]:
    if any(lane.camera for lane in settings.lanes):
        yield from _test_cameras(settings, manner)
    if any(lane.reader for lane in settings.lanes):
        from firmware.reader_checks import check_reader  # noqa: PLC0415 - nor one without readers a serial library

        yield from (check_reader(lane, manner.prompt) for lane in settings.lanes if lane.reader)


def _test_cameras(settings: Settings, manner: Manner) -> Iterator[Finding]:
    cameras = [lane for lane in settings.lanes if lane.camera]
    try:
        from firmware.camera_checks import (  # noqa: PLC0415 - a gate without cameras needs no decoders
            check_camera,
            check_decoders,
            check_with_code,
        )
    except ImportError as error:
        yield fault("decoders", str(error), "sudo apt-get install libzbar0 (0.23.92 or newer), and run `make setup` again")
        yield from (skipped(f'camera of lane "{lane.name}"', "see decoders") for lane in cameras)
        return
    yield check_decoders()
    for lane in cameras:
        yield check_camera(lane)
        if manner.prompt is not None:
            yield check_with_code(lane, manner.prompt)


def _output_elsewhere(manner: Manner) -> contextlib.AbstractContextManager[object]:
    return contextlib.redirect_stdout(sys.stderr) if manner.no_output else contextlib.nullcontext()
