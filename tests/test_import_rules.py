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
    "store": {"wire", "base"},
    "device": {"store", "link", "wire", "base"},
    "health": {"device", "store", "link", "wire", "base", "drivers"},
    "enrolment": {"device", "store", "link", "wire", "base"},
    "station": {"health", "device", "store", "wire", "base"},
    "diagnosis": {"health", "device", "store", "wire", "base", "drivers"},
    "commands": {"diagnosis", "enrolment", "device", "store", "link", "wire", "base", "drivers"},
    "update": {"commands", "health", "device", "store", "link", "wire", "base", "drivers"},
    "carry": {"update", "commands", "enrolment", "health", "device", "store", "link", "wire", "base", "drivers"},
    "shell": {"carry", "update", "commands", "diagnosis", "enrolment", "health", "station", "device", "store", "wire", "base", "drivers"},
    "edge_agent": {"base"},  # its __main__
    "firmware": {"drivers", "device", "store", "link", "wire", "base", "person codes"},
    "province": {"link", "wire", "base", "person codes"},
    "demo": {"province", "wire", "base", "person codes"},
}
ROOMS = MAY.keys() - {"drivers", "person codes", "edge_agent", "firmware", "province", "demo"}


def floor(module: str) -> str:
    """Which part of the house a module belongs to."""
    package, *rest = module.split(".")
    match package, rest:
        case "edge_agent", []:
            return "base"  # the package's own file, which imports nothing
        case "edge_agent", [room, *_] if room in ROOMS:
            return room
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
    if floor(importer) == "demo" and imported == "edge_agent.device.control":
        return True  # the demonstration plays all parts, and listens to the gate as the agent does
    return floor(imported) in {floor(importer), *MAY[floor(importer)]}


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


def test_nothing_of_the_agent_stands_on_one_of_its_commands(graph: grimp.ImportGraph) -> None:
    commands = [module for module in graph.modules if module.startswith("edge_agent.shell.")]
    assert commands
    assert {importer for command in commands for importer in graph.find_modules_that_directly_import(command)} <= {"edge_agent.__main__"}


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
        ("firmware.gate", "province.register"),
        ("firmware.person_codes.cccd", "firmware.gate"),
        ("firmware.health_pass.reading", "firmware.gate"),
        ("firmware.codes", "firmware.gate"),
        ("province.register", "edge_agent.store.outbox"),
        ("province.collector", "drivers.camera"),
        ("province.__main__", "firmware.__main__"),
    ],
)
def test_the_rules_forbid_what_they_should(importer: str, imported: str) -> None:
    assert not allowed(importer, imported)
