from __future__ import annotations

from itertools import combinations

import pytest
from PIL import Image, ImageFont

from drivers import display_face
from drivers.display_face import Face, NoFont, draw
from drivers.indicator import Signal
from drivers.signal_words import shape_and_words

SIZES = [(128, 64), (128, 32), (96, 96), (320, 240)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["vi", "en", "both"])
def test_no_two_signals_look_alike_without_colour(size: tuple[int, int], language: str) -> None:
    faces = {signal: draw(Face(signal, 3), size, "1", language) for signal in Signal}
    for one, other in combinations(Signal, 2):
        assert faces[one].tobytes() != faces[other].tobytes(), (one, other)
        side = min(size[0] // 3, size[1] * 3 // 4)
        shapes = [faces[signal].crop((0, 0, side, size[1] * 3 // 4)) for signal in (one, other)]
        assert shapes[0].tobytes() != shapes[1].tobytes(), (one, other)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("signal", list(Signal))
def test_nothing_is_cut_off_at_the_edges(size: tuple[int, int], signal: Signal) -> None:
    picture = draw(Face(signal), size, "1")
    edge = Image.new("1", size, 0)
    edge.paste(picture.crop((1, 1, size[0] - 1, size[1] - 1)), (1, 1))
    assert picture.tobytes() == edge.tobytes()


def test_the_count_is_another_picture_for_each_number_and_none_without_one() -> None:
    pictures = {draw(Face(Signal.READY, inside), (128, 64), "1").tobytes() for inside in (None, 0, 1, 12, 9999)}
    assert len(pictures) == 5


def test_colours_are_those_of_the_lamps_and_words_are_read_without_them() -> None:
    colours = {colour for _, colour in draw(Face(Signal.ACCEPTED), (320, 240)).getcolors(100_000) or []}
    assert any(green > 180 and red < 100 for red, green, _ in colours if isinstance(red, int))  # type: ignore[misc]


@pytest.mark.parametrize("font", ["DejaVuSans-Bold.ttf", "DejaVuSans.ttf"])
def test_the_font_has_every_sign(font: str) -> None:
    face = ImageFont.truetype(font, 24)
    missing = face.getmask("\uffff").getbbox(), bytes(face.getmask("\uffff"))
    for signal in Signal:
        for sign in "".join(shape_and_words(signal)).replace(" ", ""):
            mask = face.getmask(sign)
            assert (mask.getbbox(), bytes(mask)) != missing, (signal, sign)


def test_a_missing_font_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display_face, "_BOLD", "NoSuchFont.ttf")
    with pytest.raises(NoFont, match="sudo apt-get install fonts-dejavu-core"):
        draw(Face(Signal.READY), (128, 64))
