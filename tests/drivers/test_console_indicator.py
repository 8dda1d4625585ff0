from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.console_indicator import ConsoleIndicator
from drivers.indicator import Signal
from drivers.signal_words import shape_and_words

ROOT = Path(__file__).parents[2]


def shown(**given: str) -> list[str]:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    light = ConsoleIndicator(**given, stream=terminal)
    for signal in Signal:
        light.show(signal)
    light.close()
    light.close()
    light.show(Signal.READY)
    terminal.seek(0)
    return terminal.read().splitlines()


def test_each_signal_is_one_line_and_its_shape_is_its_own() -> None:
    lines = shown(colour="never")
    assert len(lines) == len(Signal)
    parts = [re.fullmatch(r"\d\d:\d\d:\d\d \[(.)\] (.+) · (.+)", line) for line in lines]
    assert all(parts)
    shapes = {part[1] for part in parts if part}
    assert len(shapes) == len(Signal)


def test_colours_are_written_when_asked_for_and_not_into_a_file() -> None:
    assert all("\x1b[" in line for line in shown(colour="always"))
    assert not any("\x1b[" in line for line in shown(colour="auto"))


def test_a_terminal_that_knows_no_vietnamese_still_gets_a_line() -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    ConsoleIndicator(colour="never", stream=terminal).show(Signal.ACCEPTED)
    terminal.seek(9)
    assert "accepted" in terminal.read()


def test_a_closed_stream_is_survived_quietly() -> None:
    terminal = io.StringIO()
    light = ConsoleIndicator(stream=terminal)
    terminal.close()
    light.show(Signal.READY)
    light.show(Signal.ACCEPTED)


@pytest.mark.parametrize("count", [1, 500])
def test_a_reader_that_went_away_leaves_no_complaint(count: int) -> None:
    program = f"""
from drivers.catalogue import open_indicator
from drivers.indicator import Signal
light = open_indicator("console:")
for _ in range({count}):
    light.show(Signal.ACCEPTED)
light.close()
"""
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}  # else nothing is left to complain about
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=60, env=buffered
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_signal_has_a_shape_of_its_own_and_words_in_both_languages() -> None:
    said = [shape_and_words(signal) for signal in Signal]
    assert len({shape for shape, _vietnamese, _english in said}) == len(Signal)
    assert len({vietnamese for _shape, vietnamese, _english in said}) == len(Signal)
    assert len({english for _shape, _vietnamese, english in said}) == len(Signal)
