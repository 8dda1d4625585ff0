"""Keeps design.md's arrows: which part of the house may import which."""

from __future__ import annotations

from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

# The rooms of edge_agent, the ground first; each may import those it names. `wire` is what both ends speak, `device` what firmware shares.
MAY = {
    "drivers": set[str](),
    "person codes": set[str](),
    "base": set[str](),
    "wire": {"base"},
    "link": {"wire", "base"},
    "serving": {"base"},
    "store": {"wire", "base"},
    "device": {"store", "link", "wire", "base"},
    "health": {"device", "store", "link", "wire", "base", "drivers"},
    "enrolment": {"device", "store", "link", "wire", "base"},
    "station": {"serving", "health", "device", "store", "wire", "base"},
    "diagnosis": {"health", "device", "store", "wire", "base", "drivers"},
    "commands": {"diagnosis", "enrolment", "device", "store", "link", "wire", "base", "drivers"},
    "update": {"commands", "health", "device", "store", "link", "wire", "base", "drivers"},
    "carry": {"update", "commands", "enrolment", "health", "device", "store", "link", "wire", "base", "drivers"},
    "shell": {"carry", "update", "commands", "diagnosis", "enrolment", "health", "station", "device", "store", "wire", "base", "drivers"},
    "edge_agent": {"base"},  # its __main__
    "firmware": {"drivers", "device", "store", "link", "wire", "base", "person codes"},
}
AGENT_ROOMS = MAY.keys() - {"drivers", "person codes", "edge_agent", "firmware"}

# The rooms of province, the ground first: each may import those before it, and of the rest of the house what both ends speak.
PROVINCE = (
    "base", "keys", "store", "registry", "records", "trust", "collecting", "proof", "joining", "looks", "commands", "watch", "release",
    "accounts", "web", "fleet", "paper", "boards", "tracing", "reports", "checkin", "api", "demo", "shell",
)  # fmt: skip
OF_THE_HOUSE = {"link", "wire", "base", "serving", "person codes"}


def floor(module: str) -> str:
    """Which part of the house a module belongs to."""
    package, *rest = module.split(".")
    match package, rest:
        case "edge_agent", []:
            return "base"  # the package's own file, which imports nothing
        case "edge_agent", [room, *_] if room in AGENT_ROOMS:
            return room
        case "firmware", ["person_codes" | "health_pass" | "codes" | "other_codes", *_]:
            return "person codes"
        case "province", [room, *_] if room in PROVINCE:
            return f"province.{room}"
        case "province", []:
            return "province.base"  # the same
        case _:
            return package


def allowed(importer: str, imported: str) -> bool:
    """Tells whether one module may import another."""
    if imported.endswith("__main__"):
        return False
    here, there = floor(importer), floor(imported)
    if here == "province.demo" and imported == "edge_agent.device.control":
        return True  # the demonstration plays all parts, and listens to the gate as the agent does
    if here == "province.checkin" and (there in {"store", "device"} or imported == "drivers.system_clock"):
        return True  # the check-in page is a device: it has a device's identity, clock and outbox
    match here.partition(".")[::2]:
        case "province", "":
            return there == "province.base" or there in OF_THE_HOUSE  # its __main__
        case "province", room:
            return there in OF_THE_HOUSE or there in {f"province.{name}" for name in PROVINCE[: PROVINCE.index(room) + 1]}
    return there in {here, *MAY[here]}


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


def test_the_self_tests_file_is_named_once() -> None:
    root = Path(__file__).parents[1]
    files = [file for package in ("drivers", "edge_agent", "firmware") for file in (root / package).rglob("*.py")]
    assert [file.name for file in files if '"check.json"' in file.read_text("utf-8")] == ["check_file.py"]


@pytest.mark.parametrize("package", ["edge_agent", "province"])
def test_every_file_stands_in_a_room(graph: grimp.ImportGraph, package: str) -> None:
    files = {module for module in graph.modules if floor(module) == package}
    assert files == {f"{package}.__main__"}


def test_nothing_of_the_agent_stands_on_one_of_its_commands(graph: grimp.ImportGraph) -> None:
    commands = [module for module in graph.modules if module.startswith("edge_agent.shell.")]
    assert commands
    assert [importer for command in commands for importer in graph.find_modules_that_directly_import(command)] == []


def test_what_another_command_needs_of_one_of_the_provinces_is_told_here(graph: grimp.ImportGraph) -> None:
    commands = [module for module in graph.modules if module.startswith("province.shell.")]
    assert {importer for command in commands for importer in graph.find_modules_that_directly_import(command)} <= set(commands)


def test_no_modules_import_each_other_in_a_circle(graph: grimp.ImportGraph) -> None:
    sorter = TopologicalSorter({module: graph.find_modules_directly_imported_by(module) for module in graph.modules})
    sorter.prepare()  # raises CycleError, which names one


@pytest.mark.parametrize(
    "importer,imported",
    [
        ("drivers.gpio_indicator", "firmware.gate"),
        ("edge_agent.store.outbox", "edge_agent.carry.uplink"),
        ("edge_agent.carry.uplink", "firmware.gate"),
        ("firmware.gate", "edge_agent.carry.uplink"),
        ("firmware.gate", "province.collecting.register"),
        ("firmware.person_codes.cccd", "firmware.gate"),
        ("firmware.health_pass.reading", "firmware.gate"),
        ("firmware.codes", "firmware.gate"),
        ("province.collecting.register", "edge_agent.store.outbox"),
        ("province.collecting.collector", "drivers.camera"),
        ("province.__main__", "firmware.__main__"),
        ("province.store.database", "province.registry.sites"),
        ("province.records.views", "province.collecting.register"),
        ("province.fleet.app", "province.shell.fleet_command"),
    ],
)
def test_the_rules_forbid_what_they_should(importer: str, imported: str) -> None:
    assert not allowed(importer, imported)
