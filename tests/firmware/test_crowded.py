"""A frame full of codes or of what looks like them costs a bounded amount of work: calls are counted, nothing is timed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from qr_pictures import picture_of

from firmware import corners, found
from firmware.corners import Corners
from firmware.decoder import Decoder
from firmware.found import MOST_LOCATED, Decoded, Found, gathered, together
from firmware.readers import Reader
from firmware.rescues import MOST_RESCUES_A_LOOK

CARD = "001099012345||Nguyễn Đình Ưỡn|15031999|Nam|Hà Nội|10052021"


def square(number: int, side: int = 8) -> Corners:
    left, top = 10 * (number % 100), 10 * (number // 100)
    return (left, top), (left + side, top), (left + side, top + side), (left, top + side)


def tiled_with_spoilt_codes() -> NDArray[np.uint8]:
    code = picture_of(CARD, scale=3)
    side = code.shape[0]
    middle = side * 2 // 5
    code[middle : middle + side // 4, middle:] = 255 * np.random.default_rng(1).integers(0, 2, (side // 4, side - middle))
    return np.tile(code, (720 // side + 1, 1280 // side + 1))[:720, :1280]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    counts = {"neighbourhood": 0, "centre": 0}

    def neighbourhood(places: Corners, *, margin: float, width: int, height: int) -> corners.Box:
        counts["neighbourhood"] += 1
        return corners.neighbourhood(places, margin=margin, width=width, height=height)

    def centre(places: Corners) -> corners.Point:
        counts["centre"] += 1
        return corners.centre(places)

    monkeypatch.setattr(found, "neighbourhood", neighbourhood)
    monkeypatch.setattr(found, "centre", centre)
    return counts


@pytest.mark.parametrize("count", [MOST_LOCATED, 50, 1000])
def test_the_work_grows_with_the_codes_not_with_their_square(calls: dict[str, int], count: int) -> None:
    places = [square(number) for number in range(count)]
    once = gathered([], places, [])
    twice = together(once, gathered([], [], places))
    assert (len(once.located), len(twice.not_text)) == (MOST_LOCATED, MOST_LOCATED)
    assert calls["neighbourhood"] <= 3 * count + 10 * MOST_LOCATED
    assert calls["centre"] <= 10 * MOST_LOCATED


def test_the_largest_are_kept_and_each_once() -> None:
    small, large = [square(number) for number in range(100)], [square(number, side=9) for number in range(200, 206)]
    kept = gathered([], [*small, *large, *large], []).located
    assert set(large) <= set(kept)
    assert len(set(kept)) == len(kept) <= MOST_LOCATED


def test_every_place_of_a_text_is_read_not_only_its_first() -> None:
    assert gathered([Decoded("a", "zxing", square(0)), Decoded("a", "zxing", square(1))], [square(0), square(1), square(2)], []) == Found(
        (Decoded("a", "zxing", square(0)),), (square(2),)
    )


def test_each_look_at_a_frame_full_of_spoilt_codes_is_bounded(calls: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    plain = Reader.read

    def read(reader: Reader, grey: NDArray[np.uint8]) -> Found:
        asked.append(grey.size)
        return plain(reader, grey)

    monkeypatch.setattr(Reader, "read", read)
    decoder, frame = Decoder(skip_unchanged=False), tiled_with_spoilt_codes()
    for _ in range(8):
        asked.clear()
        calls.update(neighbourhood=0, centre=0)
        look = decoder.look(frame)
        assert len(look.located) == MOST_LOCATED
        assert len(asked) <= 1 + MOST_RESCUES_A_LOOK  # in a crowd each rescue has one neighbourhood
        assert sum(asked) <= 5 * frame.size
        assert calls["neighbourhood"] <= 2000
        assert calls["centre"] <= 500
