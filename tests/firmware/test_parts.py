"""A part of a text that is spread over several codes is never taken for the whole text."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from qr_pictures import parts_of, picture_in_segments, picture_of

from firmware import parts, zbar
from firmware.corners import centre
from firmware.decoder import Decoder
from firmware.person_codes import NotAPersonCode, read_person
from firmware.readers import Reader

CARD = "001099012345||Nguyễn Đình Ưỡn|15031999|Nam|Hà Nội|10052021"
NATIONAL = "001093029317|NGUYEN LE KHA HAN|1993-01-18|0|162979388586171100|<1<DN4010000000000<0100123456<c2ln"


def is_person(text: str) -> bool:
    try:
        read_person(text)
    except NotAPersonCode:
        return False
    return True


def test_a_national_code_cut_anywhere_is_nobody() -> None:
    persons = 0
    for cut in range(10, len(NATIONAL)):
        first, _ = parts_of(NATIONAL[:cut] + "x" * cut, 2)
        persons += is_person(NATIONAL[:cut])
        look = Decoder().look(first)
        assert (look.decoded, len(look.not_text)) == ((), 1)
    assert persons > 20  # each of them would have been somebody


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("text", [CARD, NATIONAL])
@pytest.mark.parametrize(
    "shown", [np.asarray, np.fliplr, np.rot90, lambda code: 255 - code], ids=["as it is", "mirrored", "turned", "inverted"]
)
def test_a_part_is_no_text_to_either_decoder(text: str, count: int, shown: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> None:
    for part in parts_of(text, count):
        frame = np.ascontiguousarray(shown(part))
        for _ in range(2):
            look = Decoder().look(frame)
            assert look.decoded == ()
            assert [abs(at - frame.shape[0] / 2) < 4 for at in centre(look.not_text[0])] == [True, True]
        assert Reader.ZBAR.read(part).decoded == ()
        assert [code.part for code in zbar.read_qr(part)] == [True]


def test_a_part_whose_first_modules_are_damaged_is_still_a_part() -> None:
    for dark in (0, 255):
        part = parts_of(NATIONAL, 2)[0].copy()
        part[-24:-16, -24:-16] = dark  # the last two rows and columns: ZBar corrects them
        assert len(Reader.ZXING.read(part).decoded) == 1
        assert Decoder().look(part).decoded == ()


def test_a_part_beside_a_whole_code_takes_nothing_from_it() -> None:
    part, whole = parts_of(NATIONAL, 2)[0], picture_of(CARD)
    frame = np.full((300, 600), 255, np.uint8)
    frame[: part.shape[0], : part.shape[1]] = part
    frame[: whole.shape[0], 300 : 300 + whole.shape[1]] = whole
    look = Decoder().look(frame)
    assert [one.text for one in look.decoded] == [CARD]
    assert len(look.not_text) == 1
    assert look.settled


@pytest.mark.parametrize("mask", range(8))
def test_whole_codes_of_bytes_need_no_second_opinion_and_parts_do(mask: int) -> None:
    whole = Reader.ZXING.read(picture_of(CARD, mask=mask)).decoded[0]
    assert whole.drawn is None
    for part in parts_of(CARD, 3, mask=mask):
        drawn = Reader.ZXING.read(part).decoded[0].drawn
        assert drawn is not None
        assert parts.is_part(drawn)


def test_a_second_opinion_is_asked_for_once_as_long_as_the_code_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[NDArray[np.uint8]] = []

    def is_part(drawn: NDArray[np.uint8]) -> bool:
        asked.append(drawn)
        return parts.is_part(drawn)

    monkeypatch.setattr("firmware.decoder.is_part", is_part)
    decoder, card, wall = Decoder(skip_unchanged=False), picture_in_segments(CARD), np.full((500, 500), 90, np.uint8)
    for frame in (card, card, wall, card):
        decoder.look(frame)
    assert len(asked) == 2


def test_without_zbar_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware.parts.zbar.read_qr", lambda _: pytest.fail("ZBar was asked"))
    assert [one.text for one in Decoder(with_zbar=False).look(picture_in_segments(CARD)).decoded] == [CARD]
