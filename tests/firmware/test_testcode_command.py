"""The test code: drawn each way it is read again, and at a gate it is nobody."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from firmware import sample_code
from firmware.__main__ import main
from firmware.codes import UnknownCode, sort_code
from firmware.decoder import Decoder
from firmware.person_codes import Reason
from firmware.pictures import load_grey
from firmware.testcode_command import as_svg, in_letters

DARK = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def texts(dark: np.ndarray, scale: int = 4) -> list[str]:
    grey = np.where(dark, 0, 255).astype(np.uint8).repeat(scale, 0).repeat(scale, 1)
    return [one.text for one in Decoder().look(grey).decoded]


def test_it_is_as_large_as_a_national_personal_code() -> None:
    dark = sample_code.drawn()
    assert dark.shape == (57, 57)  # 49 modules and a quiet zone of four
    rows, columns = np.nonzero(dark)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 52, 4, 52)
    assert texts(dark) == ["GATE-SCANNER TEST CODE"]


def test_at_a_gate_it_is_nobody() -> None:
    assert sort_code(sample_code.TEXT.encode()) == UnknownCode(Reason.UNKNOWN_FORMAT)


def test_a_png_is_read_again_and_prints_in_the_size_of_a_personal_code(tmp_path: Path) -> None:
    file = tmp_path / "test-code.PNG"
    assert main(["test-code", str(file)]) == 0
    assert [one.text for one in Decoder().look(load_grey(file)).decoded] == [sample_code.TEXT]
    with Image.open(file) as picture:
        modules_px = picture.width * 49 / 57
        assert modules_px / picture.info["dpi"][0] * 25.4 == pytest.approx(50, abs=0.1)


def test_an_svg_shows_the_same(tmp_path: Path) -> None:
    file = tmp_path / "test-code.svg"
    assert main(["test-code", str(file)]) == 0
    told = file.read_text("utf-8")
    dark = np.zeros((57, 57), dtype=bool)
    for square in told.split('<path d="M')[1].split('"')[0].removesuffix("z").split("zM"):
        x, y = square.removesuffix("h1v1h-1").split()
        dark[int(y), int(x)] = True
    assert (dark == sample_code.drawn()).all()
    assert 'width="58.2mm"' in told
    assert told == as_svg(sample_code.drawn())


def test_on_a_terminal_it_is_read_whatever_the_colours(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["test-code"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (len(lines), {len(line) for line in lines}) == (29, {57})
    dark = np.array([[DARK[sign][half] for sign in line] for line in lines for half in (0, 1)], dtype=bool)
    assert texts(dark) == [sample_code.TEXT]
    assert texts(~dark) == [sample_code.TEXT]  # a light-on-dark terminal without colours turns it over
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["test-code"]) == 0
    assert terminal.getvalue().splitlines() == in_letters(sample_code.drawn(), colours=True)
    assert terminal.getvalue().count("\x1b[0m") == 29


def test_a_wrong_name_or_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["test-code", "code.gif"])
    assert ended.value.code == 2
    assert "does not end in .png or .svg" in capsys.readouterr().err
    assert main(["test-code", str(tmp_path / "none" / "code.svg")]) == 1
    assert "cannot be written (No such file or directory)" in capsys.readouterr().err
