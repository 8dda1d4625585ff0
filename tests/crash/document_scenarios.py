"""What the device's documents go through between two power cuts: settings, gate and trip, keyrings, enrolment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from crash_device import STATE, keyring_message, say
from sealed_examples import ROOT_PUBLIC

from edge_agent.base import disk
from edge_agent.device import documents, stored_keyring
from edge_agent.device.documents import Documents
from edge_agent.device.resetting import STATION_FOLDER
from edge_agent.enrolment import enrol
from edge_agent.station import certificate, pin
from edge_agent.wire.entry import Clock
from firmware import gate_state, trip_memory
from firmware.gate_state import GateState
from firmware.time_sense import Now
from firmware.trip_memory import TripMemory

_BOOT = bytes(16)


def put_and_say(file_name: str, name: str, value: dict[str, Any], put: Callable[[], None]) -> None:
    say("begun", store=file_name, name=name, value=value)
    put()
    say("done", store=file_name, name=name, value=value)


def several_documents(folder: Path) -> None:
    """Three documents in one file, one of them long."""
    state = folder / STATE
    state.mkdir()
    disk.sync_folder(folder)
    store = Documents(state)
    for version in range(4):
        for name, size in (("config", 40), ("counters", 1), ("profile", 900)):
            value = {"version": version, "text": "ấ" * size}
            put_and_say(documents.FILE_NAME, name, value, lambda name=name, value=value: store.put(name, value))  # type: ignore[misc]


def gate_and_trip(folder: Path) -> None:
    """The gate is closed and opened, trips begin and end."""
    state = folder / STATE
    state.mkdir()
    disk.sync_folder(folder)
    gate, trips = GateState(state), TripMemory(state, _BOOT)
    for turn in range(4):
        closed = turn % 2 == 0
        put_and_say(gate_state.FILE_NAME, gate_state.DOCUMENT, {"closed": closed}, lambda closed=closed: gate.close_gate(closed))  # type: ignore[misc]
        now = Now(10**12 + turn, turn, Clock.SYNCHRONISED, None)
        trip = None if turn == 2 else f"trip {turn}"
        value = {"trip": trip or "", "boot": _BOOT.hex(), "seen_ms": now.wall_ms, "trusted": True}
        put_and_say(trip_memory.FILE_NAME, "trip", value, lambda trip=trip, now=now: trips.note(trip, now))  # type: ignore[misc]


def keyrings(folder: Path) -> None:
    """Newer keyrings come; an older one is refused."""
    state = folder / STATE
    state.mkdir()
    disk.sync_folder(folder)
    for counter in (3, 4, 7, 5, 9):
        say("begun", store="keyring", value=counter)
        try:
            accepted = stored_keyring.accept(state, ROOT_PUBLIC, keyring_message(counter))
        except stored_keyring.OlderKeyring:
            continue
        say("done", store="keyring", value=accepted.counter)


def enrolment(folder: Path, *bundles: Path) -> None:
    """A new device joins, and later gets new TLS keys, a newer keyring and another gate."""
    for number, bundle in enumerate(bundles):
        say("begun", store="enrolment", value=number)
        enrol.install(enrol.read_bundle(bundle), folder / STATE)
        say("done", store="enrolment", value=number)


class _ToldPins(Documents):
    """Says what becomes of each PIN's hash."""

    def put_alone(self, name: str, value: Mapping[str, Any]) -> None:
        file = f"{STATION_FOLDER}/{pin.FILE_NAME}"
        put_and_say(file, name, dict(value), lambda: super(_ToldPins, self).put_alone(name, value))


def keepers_pin(folder: Path) -> None:
    """The station page gets its certificate, and the keeper one PIN after the other."""
    state = folder / STATE
    state.mkdir()
    disk.sync_folder(folder)
    disk.make_folder(state / STATION_FOLDER)
    vars(pin)["Documents"] = _ToldPins
    for turn in range(4):
        certificate.make_sure(state, "", [f"192.168.1.{turn}"], 1_766_282_400)
        pin.make(state)
