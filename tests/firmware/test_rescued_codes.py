"""Codes that only a rescue reads: where they are, what it costs, and what later looks make of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from qr_pictures import picture_of

from firmware.busiest import size_of_busiest
from firmware.corners import Corners, inside
from firmware.decoder import Decoder, rescued_by
from firmware.found import Decoded, Found, gathered, together
from firmware.readers import Reader
from firmware.rescues import WHEN_LOCATED, WHEN_NOTHING_LOCATED, Rescue, Where
from firmware.retouch import blurred, doubled, halved, sharpened
from firmware.schedule import FORCED_EVERY

CARD = "001099012345||Nguyễn Đình Ưỡn|15031999|Nam|Hà Nội|10052021"
Grey = NDArray[np.uint8]


def held_up(scale: int, *, blurs: int, step: int, text: str = CARD, top: int = 60) -> Grey:
    frame, code = np.full((480, 640), 255, np.uint8), picture_of(text, scale=scale)
    frame[top : top + code.shape[0], 120 : 120 + code.shape[1]] = code
    for _ in range(blurs):
        frame = blurred(frame, step)
    return frame


def square(width: int, left: int = 0, top: int = 0) -> Corners:
    return ((left, top), (left + width, top), (left + width, top + width), (left, top + width))


SECOND = held_up(3, blurs=5, step=1)  # the plain look locates it; the second rescue reads it
LATE = held_up(3, blurs=1, step=2)  # a rescue of the second look reads it


def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The sizes of what the decoders are given from now on."""
    sizes: list[tuple[int, ...]] = []
    read = Reader.read

    def counted(reader: Reader, grey: Grey) -> Found:
        sizes.append(grey.shape)
        return read(reader, grey)

    monkeypatch.setattr(Reader, "read", counted)
    return sizes


def locates(monkeypatch: pytest.MonkeyPatch, *located: Corners) -> None:
    """The plain look at a frame finds codes it cannot read there; rescues find nothing."""
    plain = [Found(located=located)]
    monkeypatch.setattr("firmware.readers._by_zxing", lambda *_: plain.pop() if plain else Found())
    monkeypatch.setattr("firmware.readers._by_zbar", lambda *_: Found())


def test_a_look_stops_at_the_rescue_that_reads_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = reads(monkeypatch)
    look = Decoder().look(SECOND)
    assert look.settled
    assert look.tried == tuple(rescue.name for rescue in WHEN_LOCATED[:2])
    assert len(sizes) == 1 + len(look.tried)


def test_the_rescue_that_read_a_code_is_the_first_and_only_one_of_the_next_looks() -> None:
    decoder = Decoder(skip_unchanged=False)
    while not (first := decoder.look(LATE)).decoded:
        pass
    assert len(first.tried) > 0
    for _ in range(10):
        look = decoder.look(LATE)
        assert [one.text for one in look.decoded] == [CARD]
        assert look.tried == first.tried[-1:]


def test_it_is_forgotten_with_another_scene_and_when_it_was_in_vain() -> None:
    decoder = Decoder(skip_unchanged=False)
    while not (read := decoder.look(LATE)).decoded:
        pass
    assert decoder.look(255 - LATE).tried[0] == WHEN_LOCATED[0].name != read.tried[-1]
    while not decoder.look(LATE).decoded:
        pass
    beyond = LATE.copy()
    beyond[120:170, 180:230] = 0  # somebody else's, at the same place
    tried = [decoder.look(beyond).tried for _ in range(12)]
    assert [names[0] for names in tried[:4]] == [read.tried[-1]] * 4
    assert sum(read.tried[-1] in names for names in tried[4:]) <= 3  # in its turn
    assert {name for names in tried for name in names} == {rescue.name for rescue in WHEN_LOCATED}


def test_a_still_code_that_a_rescue_read_is_skipped_from_then_on() -> None:
    decoder = Decoder()
    while not decoder.look(LATE).decoded:
        pass
    looks = [decoder.look(LATE) for _ in range(3 * FORCED_EVERY)]
    assert [look.skipped for look in looks] == ([True] * (FORCED_EVERY - 1) + [False]) * 3


def test_a_code_is_read_for_as_long_as_it_is_held_up_also_by_looks_that_are_skipped() -> None:
    decoder, frame = Decoder(), held_up(4, blurs=0, step=1)
    looks = [decoder.look(frame) for _ in range(2 * FORCED_EVERY)]
    assert [[one.text for one in look.decoded] for look in looks] == [[CARD]] * len(looks)
    assert sum(look.skipped for look in looks) == 2 * (FORCED_EVERY - 1)
    nothing = np.full_like(frame, 128)
    assert [decoder.look(nothing).decoded for _ in range(3)] == [()] * 3


@pytest.mark.parametrize("name", ["near, sharpened x4", "near, sharpened x2", "whole halved, one threshold"])
def test_corners_from_an_enlarged_or_shrunk_part_are_the_frames_own(name: str) -> None:
    frame = held_up(4, blurs=0, step=1)
    as_read = Reader.ZXING.read(frame).decoded[0].corners
    assert as_read is not None
    rescue = next(rescue for rescue in (*WHEN_LOCATED, *WHEN_NOTHING_LOCATED) if rescue.name == name)
    corners = rescued_by(rescue, frame, Found(located=(as_read,))).decoded[0].corners
    assert corners is not None
    assert all(abs(a - b) <= 3 for mine, theirs in zip(corners, as_read, strict=True) for a, b in zip(mine, theirs, strict=True))


def test_of_many_places_only_the_two_largest_are_rescued(monkeypatch: pytest.MonkeyPatch) -> None:
    locates(monkeypatch, *(square(width, left=30 + 120 * number, top=200) for number, width in enumerate((20, 60, 30, 70, 40))))
    sizes = reads(monkeypatch)
    look = Decoder().look(np.full((480, 640), 255, np.uint8))
    assert look.tried[0] == "near, one threshold"
    assert sizes[1:3] == [(140, 140), (120, 120)]
    assert len(sizes) == 1 + 2 * len(look.tried)


@pytest.mark.parametrize("nowhere", [square(0), square(50, left=-400), square(50, top=900)], ids=["no place", "left", "below"])
def test_what_is_located_outside_the_frame_is_sought_as_if_nothing_was_located(monkeypatch: pytest.MonkeyPatch, nowhere: Corners) -> None:
    locates(monkeypatch, nowhere)
    look = Decoder().look(np.full((480, 640), 255, np.uint8))
    assert look.located == ()
    assert look.tried == (WHEN_NOTHING_LOCATED[0].name,)


def test_a_glimpse_of_a_code_gets_all_rescues_even_if_it_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, frame = Decoder(), np.full((480, 640), 255, np.uint8)
    monkeypatch.setattr("firmware.readers._by_zxing", lambda *_: Found(located=(square(0),)))
    monkeypatch.setattr("firmware.readers._by_zbar", lambda *_: Found())
    tried: list[str] = []
    while not (look := decoder.look(frame)).skipped:
        tried += look.tried
    assert tried == [rescue.name for rescue in WHEN_NOTHING_LOCATED]


def test_the_same_text_at_a_second_place_leaves_nothing_located_there() -> None:
    here, there = square(50), square(50, left=300)
    found = together(Found((Decoded(CARD, "zxing", here),), (there,)), Found((Decoded(CARD, "zbar", there),)))
    assert found == Found((Decoded(CARD, "zxing", here),))


def test_a_code_beside_the_corner_of_a_turned_one_is_another_code() -> None:
    turned = ((100, 0), (200, 100), (100, 200), (0, 100))
    beside = square(20, left=10, top=10)
    found = gathered([Decoded(CARD, "zxing", turned)], [beside, square(20, left=90, top=90)], ())
    assert found.located == (beside,)


@given(point=st.tuples(st.integers(-5, 60), st.integers(-5, 60)), width=st.integers(1, 50))
def test_inside_is_the_same_whichever_way_round_the_corners_go(point: tuple[int, int], width: int) -> None:
    one, two, three, four = square(width)
    expected = 0 <= point[0] < width and 0 <= point[1] < width
    assert (
        inside(point, (one, two, three, four))
        == inside(point, (three, two, one, four))
        == inside(point, (two, three, four, one))
        == expected
    )


@pytest.mark.parametrize("encoding", ["iso-8859-2", "cp1252", "cp1251"])
def test_bytes_that_are_utf8_by_chance_are_no_text_where_the_code_declares_another_encoding(encoding: str) -> None:
    assert b"\xc3\xa9a".decode()
    found = Reader.ZXING.read(picture_of(b"\xc3\xa9a".decode(encoding), encoding=encoding, eci=True))
    assert (found.decoded, len(found.not_text)) == ((), 1)


RETOUCHES: list[Callable[[Grey], Grey]] = [halved, doubled, blurred, sharpened]


@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    at_most=st.integers(8, 320),
    retouches=st.lists(st.sampled_from(RETOUCHES), max_size=3),
    where=st.sampled_from([Where.WHOLE, Where.BUSIEST, Where.LOCATED]),
)
def test_the_work_of_a_rescue_is_what_the_decoder_is_given(
    height: int, width: int, at_most: int, retouches: list[Callable[[Grey], Grey]], where: Where
) -> None:
    rescue, frame = Rescue("", where, at_most, tuple(retouches), Reader.ZXING), np.zeros((height, width), np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        sizes = reads(patch)
        rescued_by(rescue, frame, Found(located=(square(2 * max(height, width)),)))
    (size,) = sizes
    if where is Where.BUSIEST:
        assume(halved not in retouches)  # a part cut off at the frame's rim may be too thin for it
        assert round(rescue.work(*size_of_busiest(height, width, at_most)) * 1e6) >= size[0] * size[1]
    else:
        assert round(rescue.work(height, width) * 1e6) == size[0] * size[1]
