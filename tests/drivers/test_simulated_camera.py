from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis.strategies import integers, text

from drivers.camera import Frame
from drivers.errors import Unavailable
from drivers.simulated_camera import SimulatedCamera
from drivers.simulated_view import Phone, Scene, TextDoesNotFit, render
from drivers.text_fifo import TextFifo

TEXT = "001099012345|100123456|Nguyễn Văn An|01011990|Nam|Hàng Bạc, Hoàn Kiếm, Hà Nội|01012021"


def read(grey: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(grey)]


def read_within(frames: Iterator[Frame], count: int) -> list[str]:
    texts: list[str] = []
    for _, frame in zip(range(count), frames, strict=False):
        texts += read(frame.grey)
    return sorted(set(texts))


@pytest.mark.parametrize("seed", range(6))
def test_a_phone_is_read_after_some_frames_but_not_from_far(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene, phone = Scene((1280, 720), rng), Phone(TEXT, rng)
    seen = [read(scene.draw(phone, number)) == [TEXT] for number in range(16)]
    assert not seen[0]
    assert sum(seen[8:]) >= 6
    assert read(scene.draw(None, 0)) == []


def test_the_same_seed_draws_the_same_pictures_and_another_seed_others() -> None:
    one, same, other = (render(TEXT, 9, np.random.default_rng(seed), (320, 240)) for seed in (5, 5, 6))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@settings(max_examples=40, deadline=None)
@given(
    text=text(alphabet="aẨ0 ", max_size=400),
    width=integers(80, 400),
    height=integers(60, 400),
    seed=integers(0, 2**31 - 1),
    frame_number=integers(0, 30),
)
def test_every_view_is_a_grey_picture_of_its_size(text: str, width: int, height: int, seed: int, frame_number: int) -> None:
    grey = render(text, frame_number, np.random.default_rng(seed), (2 * width, 2 * height))
    assert grey.shape == (2 * height, 2 * width)
    assert grey.dtype == np.uint8


def test_a_text_too_long_for_a_code_is_refused_without_repeating_it() -> None:
    with pytest.raises(TextDoesNotFit, match="5000 characters") as refused:
        Phone("Ẩ" * 5000, np.random.default_rng(1))
    assert "Ẩ" not in str(refused.value)


def test_lines_are_held_up_and_an_empty_line_is_nobody(tmp_path: Path) -> None:
    fifo = tmp_path / "gate.fifo"
    camera = SimulatedCamera(str(fifo), fps=120, size=(640, 480))
    frames = camera.frames()
    assert stat.S_IMODE(fifo.stat().st_mode) == 0o600
    assert read_within(frames, 2) == []
    for held in ("one", "two"):  # each writer opens and closes the FIFO
        fifo.write_text(f"{held}\n", encoding="utf-8")
        assert read_within(frames, 1) == []  # each comes from far away
        assert read_within(frames, 14) == [held]
    fifo.write_text("\n", encoding="utf-8")
    assert read_within(frames, 4) == []
    camera.close()


def test_a_text_that_fits_no_code_is_ignored_and_never_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fifo = tmp_path / "gate.fifo"
    camera = SimulatedCamera(str(fifo), fps=120, size=(640, 480))
    frames = camera.frames()
    fifo.write_text("kept\n", encoding="utf-8")
    read_within(frames, 12)
    with caplog.at_level(logging.DEBUG):
        fifo.write_text("secret" * 600 + "\n", encoding="utf-8")
        assert read_within(frames, 3) == ["kept"]
    camera.close()
    assert len(caplog.messages) == 1
    assert "does not fit a QR code: ignored" in caplog.messages[0]
    assert not any("secret" in str(vars(record)) for record in caplog.records)


def test_partial_long_and_broken_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "gate.fifo"
    fifo = TextFifo(str(path), "simulated:test")
    with path.open("wb", buffering=0) as writer:
        writer.write(b"hal")
        assert fifo.read_lines() == []
        writer.write("f mã\r\nnext\n\nx".encode())
        assert fifo.read_lines() == ["half mã", "next", ""]
        writer.write(b"y" * 4096)
        assert fifo.read_lines() == []
        writer.write(b"z\n\xff\xfe\nlast\n")
        assert fifo.read_lines() == ["last"]
    assert fifo.read_lines() == []
    fifo.close()
    fifo.close()
    assert [message.rpartition(": ")[2] for message in caplog.messages] == ["longer than 4096 bytes", "not UTF-8"]


def test_something_else_at_the_path_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(Unavailable, match="is not a FIFO"):
        SimulatedCamera(str(tmp_path / "file"))
    with pytest.raises(Unavailable, match="cannot be opened"):
        SimulatedCamera(str(tmp_path / "absent" / "gate.fifo"))
    assert (tmp_path / "file").read_text() == "mine"
