"""Keeps design.md's arrows: which part of the house may import which."""

from __future__ import annotations

from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

# The ground floor of edge_agent, in two rooms: what both ends speak, and what firmware and agent share on the device.
WIRE = {
    "authority", "backoff", "broker_link", "cbor", "command", "command_line", "config_text", "console", "cose", "desired_config", "disk",
    "door_link", "ending", "endpoint", "entry", "envelope", "fields", "joining", "keyring", "log_head", "log_line", "log_rate", "logs",
    "notify", "packet_lengths", "private_files", "process_lock", "receipt", "redaction", "release", "results", "sealed_bundle", "sealing",
    "stamp", "telemetry", "ticket", "topics", "trouble",
}  # fmt: skip
DEVICE = {
    "adopting", "broker_probe", "carving", "check_file", "control", "device_keys", "documents", "finds", "forwarder", "identity",
    "known_time", "mounts", "open_files", "outbox", "outbox_view", "overlay", "pages", "places", "recorder", "resetting", "salvage",
    "set_aside", "settings", "sql_reading", "station_words", "stored_keyring", "stored_time", "token_signer",
}  # fmt: skip
MAY = {
    "drivers": {"drivers"},
    "person codes": {"person codes"},
    "wire": {"wire"},
    "device": {"device", "wire"},
    "firmware": {"firmware", "drivers", "device", "wire", "person codes"},
    "edge_agent": {"edge_agent", "drivers", "device", "wire", "person codes"},
    "province": {"province", "wire", "person codes"},
    "demo": {"demo", "province", "wire", "person codes"},
}


def floor(module: str) -> str:
    """Which part of the house a module belongs to."""
    package, *rest = module.split(".")
    match package, rest:
        case "edge_agent", []:
            return "wire"  # the package's own file, which imports nothing
        case "edge_agent", [name, *_] if name in WIRE:
            return "wire"
        case "edge_agent", [name, *_] if name in DEVICE:
            return "device"
        case "firmware", ["person_codes" | "health_pass" | "codes" | "other_codes", *_]:
            return "person codes"
        case "province", [name, *_] if name.startswith("demo"):
            return "demo"
        case _:
            return package


def allowed(importer: str, imported: str) -> bool:
    """Tells whether one module may import another."""
    if imported.endswith("__main__"):
        return False
    if floor(importer) == "demo" and imported == "edge_agent.control":
        return True  # the demonstration plays all parts, and listens to the gate as the agent does
    return floor(imported) in MAY[floor(importer)]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("drivers", "firmware", "edge_agent", "province", cache_dir=None)


def test_imports_run_one_way(graph: grimp.ImportGraph) -> None:
    wrong = [
        f"{importer} imports {imported}"
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if not allowed(importer, imported)
    ]
    assert wrong == []


def test_every_ground_floor_module_exists(graph: grimp.ImportGraph) -> None:
    assert {f"edge_agent.{name}" for name in WIRE | DEVICE} <= graph.modules


def test_the_self_tests_file_is_named_once() -> None:
    root = Path(__file__).parents[1]
    files = [file for package in ("drivers", "edge_agent", "firmware") for file in (root / package).rglob("*.py")]
    assert [file.name for file in files if '"check.json"' in file.read_text("utf-8")] == ["check_file.py"]


def test_nothing_of_the_agent_stands_on_one_of_its_commands(graph: grimp.ImportGraph) -> None:
    commands = [module for module in graph.modules if module.startswith("edge_agent.") and module.endswith("_command")]
    assert commands
    assert {importer for command in commands for importer in graph.find_modules_that_directly_import(command)} <= {"edge_agent.__main__"}


def test_no_modules_import_each_other_in_a_circle(graph: grimp.ImportGraph) -> None:
    sorter = TopologicalSorter({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})
    sorter.prepare()  # raises CycleError, which names one


@pytest.mark.parametrize(
    "importer,imported",
    [
        ("drivers.gpio_indicator", "firmware.gate"),
        ("edge_agent.outbox", "edge_agent.uplink"),
        ("edge_agent.uplink", "firmware.gate"),
        ("firmware.gate", "edge_agent.uplink"),
        ("firmware.gate", "province.register"),
        ("firmware.person_codes.cccd", "firmware.gate"),
        ("firmware.health_pass.reading", "firmware.gate"),
        ("firmware.codes", "firmware.gate"),
        ("province.register", "edge_agent.outbox"),
        ("province.collector", "drivers.camera"),
        ("province.__main__", "firmware.__main__"),
    ],
)
def test_the_rules_forbid_what_they_should(importer: str, imported: str) -> None:
    assert not allowed(importer, imported)
