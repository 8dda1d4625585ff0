"""What the self-test says of cameras: pictures as they come, in trouble, and with the test code held up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import standin_picamera2
from checked_world import someone
from gate_world import BLANK, ToldCamera, add_test_drivers
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from qr_pictures import picture_of

from drivers import schemes
from drivers.errors import Unplugged
from drivers.urls import Option, Scheme
from edge_agent.device.settings import LaneSettings
from firmware import camera_checks, sample_code, zbar
from firmware.verdict import Finding, Verdict

CARD = "001099012345||Nguyễn Văn A|15031999|Nam||10052021"
Grey = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    add_test_drivers(monkeypatch)


def scene(mean: float = 120, spread: float = 40) -> Grey:
    """A view with light, edges and a sensor's noise."""
    shade = np.random.default_rng(7)
    blocks = shade.normal(mean, spread, (30, 40)).repeat(8, 0).repeat(8, 1)
    return (blocks + shade.normal(0, 2, blocks.shape)).clip(0, 255).astype(np.uint8)


def blurred(grey: Grey, radius: float) -> Grey:
    return np.asarray(Image.fromarray(grey).filter(ImageFilter.GaussianBlur(radius)))


def held_up(scale: int, *, scratched: bool = False) -> Grey:
    """The test code in the middle of a grey view, `scale` pixels a module; scratched, with its corners alone still whole."""
    dark = sample_code.drawn()
    if scratched:
        dark[14:43, 14:43] ^= np.random.default_rng(3).random((29, 29)) < 0.5
    code = np.where(dark, 0, 255).astype(np.uint8).repeat(scale, 0).repeat(scale, 1)
    view = np.full((len(code) + 80, len(code) + 200), 130, np.uint8)
    view[40 : 40 + len(code), 100 : 100 + len(code)] = code
    return view


def look(*views: object, frame_s: float = 5.0) -> Finding:
    ToldCamera.plans["camera"] = [list(views)] if not isinstance(views[0], Exception) else [views[0]]
    ToldCamera.opened.clear()
    return camera_checks.check_camera(LaneSettings("in", "in", camera="told:camera"), frame_s)


def show(*views: Grey, wait_s: float = 0.3) -> tuple[Finding, list[str]]:
    ToldCamera.plans["camera"] = [list(views)]
    ToldCamera.opened.clear()
    asked, prompt = someone(lambda: None)
    return camera_checks.check_with_code(LaneSettings("in", "in", camera="told:camera"), prompt, wait_s), asked


@pytest.mark.parametrize(
    "view, verdict, words",
    [
        (scene(), Verdict.OK, "320 x 240"),
        (np.zeros_like(BLANK), Verdict.FAULT, "lens cap"),
        (scene(6, 2), Verdict.FAULT, "black"),
        (np.full_like(BLANK, 255), Verdict.FAULT, "exposure_us"),
        (np.maximum(scene(), np.arange(320) // 150 * 255).astype(np.uint8), Verdict.NOTE, "burnt out"),
        (BLANK, Verdict.NOTE, "protective film"),
        (blurred(scene(), 12), Verdict.NOTE, "focus the lens"),
    ],
)
def test_what_a_camera_shows_is_judged(view: Grey, verdict: Verdict, words: str) -> None:
    finding = look(view, view, frame_s=0.1)
    assert finding.verdict is verdict, finding
    assert words in finding.detail + finding.todo


def test_the_last_frame_counts_for_the_first_may_be_dark_yet() -> None:
    assert look(np.zeros_like(BLANK), scene(), frame_s=0.1).verdict is Verdict.OK


@pytest.mark.parametrize(
    "trouble, words",
    [
        (Unplugged("no camera here"), "no camera here"),
        (RuntimeError(CARD), "unexpected RuntimeError"),
        (MemoryError(), "unexpected MemoryError"),
    ],
)
def test_a_camera_in_trouble_is_a_fault(trouble: Exception, words: str) -> None:
    opening, looking = look(trouble), look(BLANK, trouble)
    for finding in (opening, looking):
        assert finding.verdict is Verdict.FAULT
        assert words in finding.detail
        assert "Nguyễn" not in repr(asdict(finding))


def test_a_camera_without_a_frame_does_not_hold_up_the_rest() -> None:
    ToldCamera.plans["camera"] = [[]]
    finding = camera_checks.check_camera(LaneSettings("in", "in", camera="told:camera"), 0.1)
    assert finding.detail == "it opens, but no frame came within 0.1 s"
    assert "it stalls" in look(BLANK, frame_s=0.2).detail


def folder_of(tmp_path: Path, *views: Grey) -> str:
    for number, view in enumerate(views):
        Image.fromarray(view).save(tmp_path / f"{number}.png")
    return f"images:{tmp_path}"


def test_pictures_are_a_camera_too(tmp_path: Path) -> None:
    finding = camera_checks.check_camera(LaneSettings("in", "in", camera=folder_of(tmp_path, scene())))
    assert (finding.verdict, "320 x 240, a single frame, brightness" in finding.detail) == (Verdict.OK, True)
    absent = camera_checks.check_camera(LaneSettings("in", "in", camera="images:/nowhere"))
    assert absent.verdict is Verdict.FAULT


def test_dark_pictures_are_a_fault(tmp_path: Path) -> None:
    finding = camera_checks.check_camera(LaneSettings("in", "in", camera=folder_of(tmp_path, np.zeros_like(BLANK))))
    assert (finding.verdict, finding.todo) == (Verdict.FAULT, "take off the lens cap, or give the gate light")


class SlowCamera(ToldCamera):
    """The told camera, asked for a size and a rate in its URL, as a webcam is."""

    def __init__(self, name: str, **_asked: object) -> None:
        super().__init__(name)


@pytest.mark.parametrize(
    "url, views, words",
    [
        ("slow:camera?size=320x240&fps=10", 12, ""),
        ("slow:camera?size=640x480&fps=10", 12, "640 x 480 was asked for"),
        ("slow:camera?size=320x240&fps=120", 12, "120 were asked for"),
    ],
)
def test_another_size_or_too_few_frames_than_asked_for_are_noted(monkeypatch: pytest.MonkeyPatch, url: str, views: int, words: str) -> None:
    options = (Option("size", "size", (320, 240), "", 160, 4608), Option("fps", "integer", 30, "", 1, 120))
    slow = Scheme("slow", "For tests.", f"{__name__}:SlowCamera", options, path="name", example="slow:camera")
    monkeypatch.setattr(schemes, "CAMERAS", (*schemes.CAMERAS, slow))
    clock = iter(number / 10 for number in range(1000))
    monkeypatch.setattr("gate_world.time.monotonic", lambda: next(clock))  # ten frames a second, whatever this machine does
    ToldCamera.plans["camera"] = [[scene()] * views]
    finding = camera_checks.check_camera(LaneSettings("in", "in", camera=url))
    assert "10 frames a second" in finding.detail
    assert finding.verdict is (Verdict.NOTE if words else Verdict.OK)
    assert words in finding.detail


def test_the_pis_own_camera_is_judged_by_its_frames_and_its_stall_said(monkeypatch: pytest.MonkeyPatch) -> None:
    lane = LaneSettings("in", "in", camera="picamera2:?size=320x240&fps=30&stall_s=0.3")
    standin_picamera2.install(monkeypatch)
    finding = camera_checks.check_camera(lane)
    assert "320 x 240, " in finding.detail
    assert finding.verdict in {Verdict.OK, Verdict.NOTE}  # a busy machine gives fewer frames than asked for
    standin_picamera2.install(monkeypatch, frames_before_stall=2)
    stalled = camera_checks.check_camera(lane)
    assert (stalled.verdict, "gave no frame for 0.3 s" in stalled.detail) == (Verdict.FAULT, True)


def test_an_old_zbar_is_said_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    assert camera_checks.check_decoders().verdict is Verdict.OK
    monkeypatch.setattr(zbar, "_CONFIG_BINARY", 4711)
    finding = camera_checks.check_decoders()
    assert finding.verdict is Verdict.FAULT
    assert "libzbar0" in finding.todo


@pytest.mark.parametrize("scale, verdict", [(6, Verdict.OK), (4, Verdict.OK), (2, Verdict.NOTE)])
def test_the_test_code_is_read_and_its_size_told(scale: int, verdict: Verdict) -> None:
    finding, asked = show(BLANK, held_up(scale))
    assert (finding.verdict, finding.part) == (verdict, 'test code at lane "in"')
    pixels = float(finding.detail.split()[1])
    assert pixels == pytest.approx(scale, rel=0.1)
    assert "hold up the test code" in asked[0]


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: BLANK, "no code was seen within"),
        (lambda: picture_of(CARD), "a code was read, but another one"),
        (lambda: held_up(4, scratched=True), "a code was seen, but could not be read"),
    ],
)
def test_without_the_test_code_it_says_what_was_seen_and_names_nobody(make: Callable[[], Grey], words: str) -> None:
    finding, _asked = show(make())
    assert finding.verdict is Verdict.FAULT
    assert words in finding.detail
    assert "Nguyễn" not in repr(asdict(finding))
