"""The parts of the field guide that the code knows: pictures and tables of lights, the quick card, an example of the self-test."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import electrical
import kit_pins
import light_strip
import optics
from guide_words import HEADINGS, PARTS, WIRES, Group, Language, advice, called, rhythm

from drivers.indicator import Signal
from drivers.patterns import PATTERNS
from drivers.signal_words import shape_and_words
from edge_agent.device.settings import DeviceSettings
from edge_agent.wire.entry import Clock
from firmware import check_table
from firmware.state_checks import check_clock, check_identity
from firmware.time_sense import Now
from firmware.verdict import Finding, fault, ok, skipped

FOLDER = Path(__file__).resolve().parent
LIGHTS = FOLDER / "guide" / "lights"
_EXAMPLE_MS = 1_766_282_400_000
_DEFAULT = FOLDER.parent / "systemd" / "gate.toml"


def pictures() -> Iterator[tuple[Path, str]]:
    """A picture for each signal."""
    for signal, pattern in PATTERNS.items():
        yield LIGHTS / f"{signal}.svg", light_strip.strip(pattern, f"{signal}: {rhythm(pattern, Language.EN)}")


def leftovers() -> list[str]:
    """Pictures of signals that there are no longer."""
    wanted = {path.name for path, _text in pictures()}
    return [
        f"hw_docs/guide/lights/{path.name}: no signal has this picture; remove it"
        for path in LIGHTS.glob("*.svg")
        if path.name not in wanted
    ]


def of_group(group: Group) -> list[Signal]:
    """The signals under one heading, in the order of the table of patterns."""
    return [signal for signal in PATTERNS if advice(signal).group is group]


def heading(group: Group, language: Language) -> str:
    """What a group is called."""
    return HEADINGS[group][0 if language is Language.VI else 1]


def lights(language: Language) -> Iterator[str]:
    """Every signal, under its group's heading."""
    for group in Group:
        yield f"### {heading(group, language)}"
        yield ""
        yield from _table(of_group(group), language)


def not_read(language: Language) -> Iterator[str]:
    """What somebody sees who is not read or not recorded."""
    yield from _table([*of_group(Group.AGAIN), Signal.REFUSED], language)


def _table(signals: list[Signal], language: Language) -> Iterator[str]:
    """Signals with picture, name, rhythm, what to do."""
    head = ("đèn và còi", "nghĩa là", "người trực làm gì") if language is Language.VI else ("light and sound", "it says", "what you do")
    yield f"| {' | '.join(head)} |"
    yield "| --- | --- | --- |"
    for signal in signals:
        words = rhythm(PATTERNS[signal], language)
        picture = f"![{words}](../lights/{signal}.svg)"
        yield f"| {picture} | **{called(signal, language)}** <br> {words} | {advice(signal).words(language)} |"
    yield ""


def _section(signal: Signal, language: Language) -> Iterator[str]:
    """One signal, where a page speaks of it."""
    words = rhythm(PATTERNS[signal], language)
    yield f"![{words}](../lights/{signal}.svg)"
    yield ""
    yield f"*{called(signal, language)}: {words}.*"
    yield ""


def box(language: Language) -> Iterator[str]:
    """What is in the box of each kit."""
    yield f"| {'linh kiện' if language is Language.VI else 'part'} | {' | '.join(kit_pins.KITS)} |"
    yield "| --- " * (1 + len(kit_pins.KITS)) + "|"
    for what, numbers in kit_pins.counted().items():
        name = PARTS.get(what, "") if language is Language.VI else what
        yield f"| {name} | {' | '.join(str(number) if number else '' for number in numbers)} |"
    yield ""


def desk_pins(language: Language) -> Iterator[str]:
    """The pins of the default configuration's lamps."""
    part, pin = ("linh kiện", "chân trên hàng 40") if language is Language.VI else ("part", "header pin")
    yield f"| {part} | GPIO (BCM) | {pin} |"
    yield "| --- | --- | --- |"
    for name, bcm in kit_pins.indicator_pins(tomllib.loads(_DEFAULT.read_text("utf-8"))["gate"]["indicator"]).items():
        what = kit_pins.PARTS[name].what
        yield f"| {PARTS.get(what, '') if language is Language.VI else what} | GPIO{bcm} | {kit_pins.HEADER_PIN[bcm]} |"
    yield ""


def _example() -> list[Finding]:
    with TemporaryDirectory() as nobodys:
        identity, _none = check_identity(Path(nobodys))
        identity = replace(identity, detail=identity.detail.replace(nobodys, str(DeviceSettings().state)))
    clock = Now(wall_ms=_EXAMPLE_MS, boottime_ms=60_000, clock=Clock.UNKNOWN, day=None)
    return [
        identity,
        check_clock(clock, 0),
        ok('camera of lane "in"', "1280 x 720, 30 frames a second, brightness 118 of 255, contrast 46"),
        fault(
            'reader of lane "out"',
            "'serial:/dev/ttyACM0' cannot be opened (no such device)",
            "plug the reader in and check the URL 'serial:/dev/ttyACM0?baud=9600'",
        ),
        skipped("broker", "--offline"),
    ]


def check_example() -> Iterator[str]:
    """How the self-test looks on a new device that nothing has told the time: its own words, of invented camera and reader."""
    yield "```text"
    for finding in _example():
        yield from check_table.rows(finding)
    yield check_table.summary(_example())
    yield "```"
    yield ""


def heights(language: Language) -> Iterator[str]:
    """How high the window of each kit is, how far down it points, where it reads."""
    if language is Language.VI:
        yield "| bộ | ô kính cao | chúc xuống | đọc điện thoại từ | giữa vùng đọc cao |"
    else:
        yield "| kit | height of the window | points down | reads phones from | middle of the zone |"
    yield "| --- " * 5 + "|"
    point = "," if language is Language.VI else "."
    for kit, place in optics.MOUNTINGS.items():
        near_mm, far_mm = place.zone_mm()
        high, middle = (f"{height:.2f} m".replace(".", point) for height in (place.height_m, place.zone_height_m()))
        yield f"| {kit} | {high} | {place.down_degrees:g}° | {near_mm / 10:.0f}–{far_mm / 10:.0f} cm | {middle} |"
    yield ""


def fuses(language: Language) -> Iterator[str]:
    """The fuse F1 of each kit, with the Pi of its parts list."""
    yield f"| {' | '.join(('bộ', 'cầu chì F1') if language is Language.VI else ('kit', 'fuse F1'))} |"
    yield "| --- | --- |"
    for kit in kit_pins.KITS:
        yield f"| {kit} | {f'{electrical.fuse_a(kit):g}'.replace('.', ',' if language is Language.VI else '.')} A |"
    yield ""


def pins(language: Language) -> Iterator[str]:
    """Which pin of each kit carries what, and the colour of its wire."""
    vietnamese = language is Language.VI
    head = ("bộ", "linh kiện", "GPIO (BCM)", "chân", "màu dây") if vietnamese else ("kit", "part", "GPIO (BCM)", "pin", "wire")
    yield f"| {' | '.join(head)} |"
    yield "| --- " * 5 + "|"
    for kit in kit_pins.KITS:
        for use in kit_pins.uses(kit):
            part = kit_pins.PARTS[use.part]
            lane = f" ({use.board.removeprefix('driver ')})" if part.output else ""
            what, wire = (PARTS.get(part.what, ""), WIRES.get(part.wire, "")) if vietnamese else (part.what, part.wire)
            yield f"| {kit} | {what}{lane} | GPIO{use.bcm} | {use.header} | {wire} |"
    yield ""


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    **{f"lights-{language}": partial(lights, language) for language in Language},
    **{f"light-{signal}-{language}": partial(_section, signal, language) for signal in PATTERNS for language in Language},
    **{f"box-{language}": partial(box, language) for language in Language},
    **{f"desk-pins-{language}": partial(desk_pins, language) for language in Language},
    **{f"heights-{language}": partial(heights, language) for language in Language},
    **{f"fuses-{language}": partial(fuses, language) for language in Language},
    **{f"pins-{language}": partial(pins, language) for language in Language},
    **{f"not-read-{language}": partial(not_read, language) for language in Language},
    "check-example": check_example,
}

ON_THE_CARD = [group for group in Group if group is not Group.INSTALL]
_CARD_STYLE = """\
@page { size: A5; margin: 6mm 7mm; }
* { box-sizing: border-box; }
body { font: 7.1pt/1.16 "DejaVu Sans", sans-serif; color: #000; margin: 0 auto; max-width: 134mm; }
h1 { font-size: 13pt; margin: 0 0 0.5mm; }
.lead { margin: 0 0 1mm; }
h2 { font-size: 8.6pt; margin: 1.2mm 0 0.4mm; padding: 0.5mm 1.6mm; color: #fff; background: #1d2733; }
h2.go { background: #177a3b; } h2.again { background: #a86f00; } h2.keeper { background: #b02a23; }
table { border-collapse: collapse; width: 100%; }
td { border-bottom: 0.2mm solid #b5bdc6; padding: 0.35mm 1mm; vertical-align: middle; }
td.sign { width: 6mm; padding: 0; text-align: center; font-size: 10pt; }
td.light { width: 32mm; padding-left: 0; }
td.light svg { display: block; width: 31mm; height: auto; }
tr { break-inside: avoid; }
.foot { margin: 1.2mm 0 0; border: 0.4mm solid #000; padding: 1mm 2mm; line-height: 1.5; }
"""
_CARD_WORDS = {
    Language.VI: (
        "Đèn báo gì, tôi làm gì?",
        (
            "Hình đọc từ trái sang phải, dài 3 giây: xanh ▬ bo tròn, vàng ▰ xiên, đỏ ■ vuông, ♪ tiếng bíp. "
            "Chưa thấy xanh thì coi như chưa ghi."
        ),
        (
            ("Ghi giấy", "khi đỏ hoặc tối."),
            ("Mất mạng:", "cứ quét, máy giữ và gửi sau."),
            ("Mất điện:", "không mất gì, có điện máy tự chạy."),
            ("Không tự mở nắp, không rút thẻ nhớ.", ""),
        ),
        "Kỹ thuật: …………………………… Mã máy: …………………… Tỉnh: ……………………",
    ),
    Language.EN: (
        "What does the light say, what do I do?",
        (
            "Read each picture from left to right, 3 seconds: green ▬ rounded, amber ▰ slanted, red ■ square, ♪ beep. "
            "No green yet: not recorded yet."
        ),
        (
            ("Write on paper", "when it is red or dark."),
            ("No network:", "go on, it keeps all and sends later."),
            ("Power cut:", "nothing is lost, it starts by itself."),
            ("Do not open the lid or pull the card.", ""),
        ),
        "Technician: …………………………… Device: …………………… Province: ……………………",
    ),
}


def card(language: Language) -> str:
    """The quick card, one page of A5, as HTML that needs nothing from elsewhere."""
    title, lead, rules, blanks = _CARD_WORDS[language]
    foot = " ".join(f"<b>{escape(what)}</b> {escape(then)}".strip() for what, then in rules) + f"<br>{escape(blanks)}"
    rows: list[str] = []
    for group in ON_THE_CARD:
        rows += [f'<h2 class="{group}">{escape(heading(group, language))}</h2>', "<table>"]
        for signal in of_group(group):
            picture = light_strip.strip(PATTERNS[signal], rhythm(PATTERNS[signal], language), seconds=False).strip()
            rows.append(
                f'<tr><td class="sign">{escape(shape_and_words(signal)[0])}</td><td class="light">{picture}</td>'
                f"<td><b>{escape(called(signal, language))}.</b> {escape(advice(signal).words(language))}</td></tr>"
            )
        rows.append("</table>")
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<style>\n{_CARD_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n'
        + "\n".join(rows)
        + f'\n<p class="foot">{foot}</p>\n</body>\n</html>\n'
    )


def cards() -> Iterator[tuple[Path, str]]:
    """The quick card in each language."""
    for language in Language:
        yield FOLDER / "print" / f"quick-card.{language}.html", card(language)
