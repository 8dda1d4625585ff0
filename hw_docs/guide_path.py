"""Draws the path from a light to its section of trouble.md: which question to ask, and what each light means. Written by `make docs`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import light_strip as strip
from guide_words import Language, called, rhythm, trouble

from drivers.indicator import Signal
from drivers.patterns import PATTERNS, Lamp

_FOLDER = Path(__file__).resolve().parent / "guide"
_WIDTH, _ROW, _TOP = 1010, 72, 62
_ASK_LEFT, _ASK_WIDTH, _LEFT = 20, 210, 310
_WORDS = {
    Language.VI: ("Thấy đèn gì khi không có khách?", "Có đèn nào sáng không?", "Có đèn đỏ không?", "Có đèn xanh không?", "có", "không"),
    Language.EN: ("Which light, while nobody is there?", "Does any lamp light?", "Is there red?", "Is there green?", "yes", "no"),
}


@dataclass(frozen=True, slots=True)
class _Question:
    """A question with the states that each answer leads to; without states an answer leads to the next question."""

    ask: str
    yes: list[Signal]
    no: list[Signal]


def pictures() -> Iterator[tuple[Path, str]]:
    """The picture in each language."""
    for language in Language:
        yield _FOLDER / f"trouble.{language}.svg", draw(language)


def _lit(signal: Signal) -> frozenset[Lamp]:
    return frozenset[Lamp]().union(*(step.lamps for step in PATTERNS[signal].steps))


def _questions(language: Language) -> list[_Question]:
    """Every state is the end of one answer, by the lamps that it lights."""
    states = [signal for signal, pattern in PATTERNS.items() if pattern.is_state]
    dark = [signal for signal in states if not _lit(signal)]
    red = [signal for signal in states if Lamp.RED in _lit(signal)]
    green = [signal for signal in states if Lamp.GREEN in _lit(signal) and signal not in red]
    rest = [signal for signal in states if signal not in {*dark, *red, *green}]
    _title, any_lamp, is_red, is_green, _yes, _no = _WORDS[language]
    return [_Question(any_lamp, [], dark), _Question(is_red, red, []), _Question(is_green, green, rest)]


def draw(language: Language) -> str:
    """The picture as SVG."""
    title, yes, no = _WORDS[language][0], *_WORDS[language][4:]
    parts: list[str] = []
    y, below = _TOP, None
    for question in _questions(language):
        rows = [(no, signal) for signal in question.no] + [(yes, signal) for signal in question.yes]
        middle = y + len(rows) * _ROW / 2
        parts += [*_asked(question.ask, middle), *([] if below is None else _down(*below, middle))]
        for place, (answer, signal) in enumerate(rows):
            parts += _end(answer, signal, language, middle, y + place * _ROW)
        y += len(rows) * _ROW + 14
        below = (middle, no if question.yes else yes)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}" role="img">',
            f"<title>{title}</title>",
            f'<rect width="{_WIDTH}" height="{y}" fill="{strip.PAPER}"/>',
            strip.text(_ASK_LEFT, 34, title, 20, weight="bold"),
            *parts,
            "</svg>\n",
        ]
    )


def _asked(words: str, middle: float) -> Iterator[str]:
    where = f'x="{_ASK_LEFT}" y="{middle - 26:g}" width="{_ASK_WIDTH}" height="52" rx="26"'
    yield f'<rect {where} fill="#eef1f4" stroke="{strip.INK}" stroke-width="1.5"/>'
    yield strip.text(_ASK_LEFT + _ASK_WIDTH / 2, middle + 5, words, 14, weight="bold", anchor="middle")


def _down(before: float, answer: str, middle: float) -> Iterator[str]:
    x = _ASK_LEFT + _ASK_WIDTH / 2
    yield f'<line x1="{x:g}" y1="{before + 26:g}" x2="{x:g}" y2="{middle - 34:g}" stroke="{strip.INK}" stroke-width="1.5"/>'
    yield f'<polygon points="{x - 5:g},{middle - 35:g} {x + 5:g},{middle - 35:g} {x:g},{middle - 26:g}" fill="{strip.INK}"/>'
    yield strip.text(x + 8, (before + middle) / 2 + 4, answer, 13, strip.SOFT)


def _end(answer: str, signal: Signal, language: Language, middle: float, top: float) -> Iterator[str]:
    """A light at the end of an answer, with the section to read."""
    y = top + _ROW / 2
    bend = _ASK_LEFT + _ASK_WIDTH + 22
    yield (
        f'<polyline points="{_ASK_LEFT + _ASK_WIDTH},{middle:g} {bend},{middle:g} {bend},{y:g} {_LEFT - 8},{y:g}" '
        f'fill="none" stroke="{strip.INK}" stroke-width="1.5"/>'
    )
    yield f'<polygon points="{_LEFT - 10},{y - 5:g} {_LEFT - 10},{y + 5:g} {_LEFT - 1},{y:g}" fill="{strip.INK}"/>'
    yield strip.text(bend + 5, y - 5, answer, 13, strip.SOFT)
    yield f'<g transform="translate({_LEFT} {top + 8:g}) scale(0.72 1)">'
    yield from strip.strip_parts(PATTERNS[signal], strip.STRIP_HEIGHT - 10, seconds=False)
    yield "</g>"
    x = _LEFT + strip.STRIP_WIDTH * 0.72 + 14
    yield strip.text(x, top + 22, trouble(signal, language), 15, weight="bold")
    yield strip.text(x, top + 40, called(signal, language), 13)
    yield strip.text(x, top + 56, rhythm(PATTERNS[signal], language), 12, strip.SOFT)
