"""Writes the parts of the docs that the code knows best: configuration, driver URLs, pins, signals, commands, pictures.

`python hw_docs/generate.py` writes them between their marks; `--check` only says which are stale. Both also check that every
relative link in the docs leads somewhere. Used by `make docs` and `make lint`.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING
from pathlib import Path
from typing import get_type_hints

from drivers import schemes
from drivers.patterns import PATTERNS
from drivers.urls import Scheme
from edge_agent import settings

ROOT = Path(__file__).resolve().parent.parent
_MARK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end of generated -->)", re.DOTALL)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
# BCM number → pin of the 40-pin header. Source: Raspberry Pi documentation, "GPIO and the 40-pin header".
_HEADER_PIN = {
    2: 3, 3: 5, 4: 7, 14: 8, 15: 10, 17: 11, 18: 12, 27: 13, 22: 15, 23: 16, 24: 18, 10: 19, 9: 21, 25: 22, 11: 23, 8: 24, 7: 26,
    0: 27, 1: 28, 5: 29, 6: 31, 12: 32, 13: 33, 19: 35, 16: 36, 26: 37, 20: 38, 21: 40,
}  # fmt: skip


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def configuration() -> Iterator[str]:
    """Every setting of gate.toml."""
    for name, section in settings.SECTIONS.items():
        yield f"**[{'[lane]' if name == 'lane' else name}]** {(section.__doc__ or '').strip()}"
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
    for title, group in (("Cameras", schemes.CAMERAS), ("Readers", schemes.READERS), ("Indicators", schemes.INDICATORS)):
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
        yield _row(part, f"GPIO{number}", str(_HEADER_PIN[int(number)]))
    yield ""


def signals() -> Iterator[str]:
    """Every signal as a strip of time, one sign for 100 ms (at least one each step)."""
    yield _row("signal", "kind", "light (G green, R red, A amber, * all, · dark)", "sound (♪)")
    yield _row("---", "---", "---", "---")
    for signal, pattern in PATTERNS.items():
        light, sound = "", ""
        for step in pattern.steps * (1 if pattern.is_state else pattern.repeats):
            width = max(1, round(step.duration_ms / 100))
            names = "".join(sorted(str(lamp)[0].upper() for lamp in step.lamps))
            light += (names if len(names) == 1 else "*" if names else "·") * width
            sound += ("♪" if step.sound else "·") * width
        kind = "state, repeats" if pattern.is_state else f"answer, {pattern.duration_ms} ms"
        yield _row(str(signal), kind, f"`{light}`", f"`{sound}`" if "♪" in sound else "silent")
    yield ""


# name, horizontal field of view in degrees. Source: Raspberry Pi documentation, "About the camera modules".
_CAMERAS = (("Module 2", 62.2), ("Module 3", 66.0), ("Module 3 Wide", 102.0))
_CODES = (  # name, width of the symbol in mm, modules a side
    ("national code, printed 50 mm", 50.0, 49),
    ("national code on a phone, 45 mm", 45.0, 49),
    ("identity card (CCCD), 18 mm", 18.0, 53),
)
_DISTANCES_CM = (10, 15, 20, 30, 40, 60)
_READABLE_PX, _FRAME_PX = 3.0, 1280


def distances() -> Iterator[str]:
    """Pixels per module by code, camera and distance."""
    yield _row("code", "camera", *(f"{distance} cm" for distance in _DISTANCES_CM))
    yield _row(*["---"] * (len(_DISTANCES_CM) + 2))
    for code, width_mm, modules in _CODES:
        for camera, view_degrees in _CAMERAS:
            per_mm = [_FRAME_PX / (2 * distance * 10 * math.tan(math.radians(view_degrees) / 2)) for distance in _DISTANCES_CM]
            pixels = [width_mm / modules * each for each in per_mm]
            yield _row(code, camera, *(f"**{each:.1f}**" if each >= _READABLE_PX else f"{each:.1f}" for each in pixels))
    yield ""


def _help(*command: str) -> str:
    environment = {**os.environ, "COLUMNS": "100", "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "PYTHON_COLORS": "0"}
    result = subprocess.run(
        [sys.executable, "-m", *command, "--help"], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    return result.stdout.rstrip()


_COMMANDS = {
    "firmware": ("run", "check", "read", "parse"),
    "edge_agent": ("run", "enrol", "status"),
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
        "keyring",
        "subject lookup",
        "audit",
        "quarantine",
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
    "pins": pins,
    "signals": signals,
    "distances": distances,
    "commands": commands,
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


def broken_links(page: Path, text: str) -> list[str]:
    """The relative links of a page that lead nowhere."""
    prose = _CODE.sub("", text)
    return [
        f"{page.relative_to(ROOT)}: link to {target} leads nowhere"
        for target in _LINK.findall(prose)
        if not (page.parent / target).exists()
    ]


def main() -> int:
    """Renews or checks every page; 1 when something is stale or broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, say what is stale")
    check = parser.parse_args().check
    problems = []
    for page, new in [*pictures(), *((page, renewed(page.read_text(encoding="utf-8"))) for page in documents())]:
        text = page.read_text(encoding="utf-8") if page.exists() else ""
        if page.suffix == ".md":
            problems += broken_links(page, new)
        if new != text and check:
            problems.append(f"{page.relative_to(ROOT)}: a generated part is stale: run `make docs`")
        elif new != text:
            page.write_text(new, encoding="utf-8")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
