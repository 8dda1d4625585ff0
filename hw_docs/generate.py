"""Writes the parts of the docs that the code knows best: configuration, driver URLs, pins, signals, commands, pictures.

`python hw_docs/generate.py` writes them between their marks; `--check` only says which are stale. Used by `make docs` and
`make lint`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING
from pathlib import Path
from typing import get_type_hints

import asyncapi_document
import electrical
import guide_parts
import guide_path
import guide_words
import kit_pins
import optics
import printable

from drivers import schemes
from drivers.patterns import PATTERNS, Lamp
from drivers.urls import Scheme
from edge_agent.device import settings
from edge_agent.wire import telemetry
from firmware import declaration
from province.api import document as openapi
from province.api.app import ENDPOINTS

ROOT = Path(__file__).resolve().parent.parent
_MARK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end of generated -->)", re.DOTALL)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def configuration() -> Iterator[str]:
    """Every setting of gate.toml."""
    for name, section in settings.SECTIONS.items():
        yield f"**[{f'[{name}]' if name in {'lane', 'input'} else name}]** {(section.__doc__ or '').strip()}"
        yield ""
        yield _row("key", "allowed", "default", "meaning")
        yield _row("---", "---", "---", "---")
        hints = get_type_hints(section)
        for item in dataclasses.fields(section):
            default = "must be given" if item.default is MISSING else f"`{item.default}`" if item.default != "" else "none"
            yield _row(f"`{item.name}`", settings.allowed(hints[item.name], item.metadata), default, item.metadata["doc"])
        yield ""


def _scheme(scheme: Scheme) -> Iterator[str]:
    yield f"`{scheme.example}`: {scheme.doc}"
    yield ""
    if scheme.options:
        yield _row("option", "allowed", "default", "meaning")
        yield _row("---", "---", "---", "---")
        for option in scheme.options:
            default = "x".join(map(str, option.default)) if isinstance(option.default, tuple) else str(option.default)
            yield _row(f"`{option.name}`", option.allowed(), default, option.doc)
        yield ""


def driver_urls() -> Iterator[str]:
    """Every driver URL with its options."""
    for title, group in schemes.groups():
        yield f"### {title}"
        yield ""
        for scheme in group:
            yield from _scheme(scheme)


def pins() -> Iterator[str]:
    """The pins of the example in the gpio driver's own table."""
    example = next(scheme for scheme in schemes.INDICATORS if scheme.name == "gpio").example
    yield f"For `{example}`:"
    yield ""
    yield _row("part", "GPIO (BCM)", "header pin")
    yield _row("---", "---", "---")
    for part, number in re.findall(r"(green|red|amber|buzzer)=(\d+)", example):
        yield _row(part, f"GPIO{number}", str(kit_pins.HEADER_PIN[int(number)]))
    yield ""


_LAMPS = {
    frozenset[Lamp](): "·", frozenset({Lamp.GREEN}): "G", frozenset({Lamp.RED}): "R", frozenset({Lamp.AMBER}): "A",
    frozenset({Lamp.GREEN, Lamp.AMBER}): "Y", frozenset({Lamp.RED, Lamp.AMBER}): "O",
}  # fmt: skip


def signals() -> Iterator[str]:
    """Every signal as a strip of time, one sign for 100 ms (at least one each step)."""
    yield _row("signal", "kind", "light (G green, R red, A amber, Y green and amber, O red and amber, * all, · dark)", "sound (♪)")
    yield _row("---", "---", "---", "---")
    for signal, pattern in PATTERNS.items():
        light, sound = "", ""
        for step in pattern.steps * (1 if pattern.is_state else pattern.repeats):
            width = max(1, round(step.duration_ms / 100))
            light += _LAMPS.get(step.lamps, "*") * width
            sound += ("♪" if step.sound else "·") * width
        kind = "state, repeats" if pattern.is_state else f"answer, {pattern.duration_ms} ms"
        yield _row(str(signal), kind, f"`{light}`", f"`{sound}`" if "♪" in sound else "silent")
    yield ""


def declared_fields() -> Iterator[str]:
    """What a paper declaration may say."""
    yield _row("field", "allowed")
    yield _row("---", "---")
    for name, allowed in declaration.FIELDS.items():
        yield _row(f"`{name}`" if name in ("lane", "direction") else f"`person.{name}`", allowed)
    yield ""


def _of_kit(table: Callable[[str], Iterator[str]], kit: str) -> Callable[[], Iterator[str]]:
    return lambda: table(kit)


def _help(*command: str) -> str:
    environment = {**os.environ, "COLUMNS": "100", "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "PYTHON_COLORS": "0"}
    result = subprocess.run(
        [sys.executable, "-m", *command, "--help"], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    return result.stdout.rstrip()


_COMMANDS = {
    "firmware": ("run", "check", "test-code", "read", "parse"),
    "edge_agent": ("run", "enrol", "status", "gate"),
    "province": (
        "init",
        "device add",
        "device list",
        "collect",
        "entries",
        "find",
        "logs",
        "prove",
        "held open",
        "retention run",
        "certificates list",
        "certificates renew",
        "keyring",
        "subject lookup",
        "audit",
        "quarantine",
        "card",
        "demo",
    ),
}


def commands() -> Iterator[str]:
    """The help of every command."""
    for package, names in _COMMANDS.items():
        for name in ("", *names):
            yield "```text"
            yield _help(package, *name.split())
            yield "```"
            yield ""


_PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "configuration": configuration,
    "driver-urls": driver_urls,
    "declared-fields": declared_fields,
    "pins": pins,
    "signals": signals,
    "commands": commands,
    **optics.TABLES,
    **electrical.TABLES,
    **guide_parts.TABLES,
    "kept-free": kit_pins.kept_free,
    "part-counts": kit_pins.counts,
    **{f"pins-{kit}": _of_kit(kit_pins.pin_table, kit) for kit in kit_pins.KITS},
}


def documents() -> list[Path]:
    """Every page of the docs."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "hw_docs").rglob("*.md"))]


def renewed(text: str) -> str:
    """A page with its generated parts made anew."""
    return _MARK.sub(lambda found: found[1] + "\n".join(_PARTS[found["name"]]()) + found[3], text)


def pictures() -> Iterator[tuple[Path, str]]:
    """Every picture drawn by code, with what it should be."""
    for script in sorted((ROOT / "hw_docs" / "pictures").glob("*.py")):
        yield script.with_suffix(".svg"), runpy.run_path(str(script))["draw"]()
    yield from guide_parts.pictures()
    yield from guide_path.pictures()


def schemas() -> Iterator[tuple[Path, str]]:
    """The JSON Schema of each message for operators, and the document of all topics, with what they should be."""
    for kind in (telemetry.Telemetry, telemetry.Status):
        text = json.dumps(telemetry.schema(kind), indent=2, ensure_ascii=False) + "\n"
        yield ROOT / "hw_docs" / "schemas" / f"{kind.__name__.lower()}.v{telemetry.VERSION}.json", text
    yield asyncapi_document.FILE, asyncapi_document.text()
    yield ROOT / "hw_docs" / "openapi.json", json.dumps(openapi.document(ENDPOINTS), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Renews or checks every page; 1 when something is stale or broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, say what is stale")
    check = parser.parse_args().check
    problems = [problem for kit in kit_pins.KITS for problem in kit_pins.problems(kit)]
    problems += [*guide_words.problems(), *guide_parts.leftovers()]
    for page, new in [
        *pictures(),
        *schemas(),
        *printable.pages(),
        *guide_parts.cards(),
        *((page, renewed(page.read_text(encoding="utf-8"))) for page in documents()),
    ]:
        text = page.read_text(encoding="utf-8") if page.exists() else ""
        if new != text and check:
            problems.append(f"{page.relative_to(ROOT)}: a generated part is stale: run `make docs`")
        elif new != text:
            page.write_text(new, encoding="utf-8")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
