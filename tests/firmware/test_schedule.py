"""The schedule of looks: what is skipped, what is tried when, and that every look's work is bounded."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from qr_pictures import picture_of

from firmware import rescues
from firmware.busiest import busiest
from firmware.corners import Box
from firmware.decoder import Decoder, Look
from firmware.found import Decoded, Found
from firmware.readers import Reader
from firmware.rescues import (
    MOST_RESCUES_A_LOOK,
    WHEN_ALL_READ,
    WHEN_LOCATED,
    WHEN_NOTHING_LOCATED,
    WORK_WHEN_LOCATED,
    WORK_WHEN_NOTHING,
    Rescue,
)
from firmware.retouch import blurred
from firmware.schedule import BESIDE_EACH, BESIDE_EVERY_2ND, FORCED_EVERY, Schedule, Turns
from firmware.view import Change, View

CARD = "001099012345||Nguyễn Đình Ưỡn|15031999|Nam|Hà Nội|10052021"
OTHER = "001199054321||Trần Thị Ánh|02091999|Nữ|Huế|11062021"
WALL = np.random.default_rng(7).integers(0, 200, (60, 80), np.uint8).repeat(12, axis=0).repeat(12, axis=1)
SOMEWHERE = ((0, 0), (9, 0), (9, 9), (0, 9))
ALL_RESCUES = (*WHEN_LOCATED, *WHEN_NOTHING_LOCATED)


def whole(rescue: Rescue) -> float:
    return rescue.work(960, 1280)


def held_up(frame: NDArray[np.uint8], text: str, at: tuple[int, int] = (200, 300), *, spoilt: bool = False) -> NDArray[np.uint8]:
    code = picture_of(text).copy()
    if spoilt:
        side = code.shape[0] // 2
        code[-16 - side : -16, -16 - side : -16] = 0
    shown = frame.copy()
    shown[at[0] : at[0] + code.shape[0], at[1] : at[1] + code.shape[1]] = code
    return shown


def holds(box: Box, point: tuple[int, int]) -> bool:
    return box.left <= point[0] < box.right and box.top <= point[1] < box.bottom


def names(look: Look) -> list[str]:
    return list(look.tried)


@given(works=st.lists(st.floats(0.01, 9), min_size=1, max_size=12), room=st.floats(0.1, 5), looks=st.integers(1, 60))
def test_every_look_has_a_rescue_none_twice_and_no_more_than_fit(works: list[float], room: float, looks: int) -> None:
    table = [Rescue(str(number), rescues.Where.WHOLE, 640, (), Reader.ZXING) for number in range(len(works))]
    turns = Turns(table, room, patient=False)
    seen: list[str] = []
    for _ in range(looks):
        taken = tuple(turns.take(lambda rescue: works[int(rescue.name)]))
        assert 1 <= len(taken) <= MOST_RESCUES_A_LOOK
        assert len(taken) == 1 or sum(works[int(rescue.name)] for rescue in taken) <= room + 1e-9
        seen += [rescue.name for rescue in taken]
    assert seen == [str(number % len(works)) for number in range(len(seen))]


def test_rescues_that_are_not_asked_for_keep_their_turn() -> None:
    table = [Rescue(str(number), rescues.Where.WHOLE, 640, (), Reader.ZXING) for number in range(9)]
    turns = Turns(table, 4.0, patient=False)
    assert [next(iter(turns.take(lambda _: 1.0))).name for _ in range(11)] == [str(number % 9) for number in range(11)]


@given(paid=st.lists(st.integers(0, 8), min_size=1, max_size=5), vain=st.integers(1, 8))
def test_what_read_something_goes_first_until_it_was_in_vain_for_a_while(paid: list[int], vain: int) -> None:
    table = [Rescue(str(number), rescues.Where.WHOLE, 640, (), Reader.ZXING) for number in range(9)]
    turns = Turns(table, 2.0, patient=True)
    for number in paid:
        turns.paid(table[number])
    latest = list(dict.fromkeys(reversed(paid)))[:2]
    for look in range(vain):
        taken = [int(rescue.name) for rescue in turns.take(lambda _: 1.0)]
        assert len(set(taken)) == len(taken)
        assert (taken[: len(latest)] == latest and len(taken) <= max(2, len(latest) + 1)) or look >= 4
    turns.paid(table[0])
    turns.forget()
    turns.restart()
    assert [rescue.name for rescue in turns.take(lambda _: 1.0)] == ["0", "1"]


@given(looks=st.integers(1, 40))
def test_the_patient_rest_every_other_look_after_the_first_round(looks: int) -> None:
    table = [Rescue(str(number), rescues.Where.WHOLE, 640, (), Reader.ZXING) for number in range(3)]
    turns = Turns(table, 1.0, patient=True)
    taken = [[rescue.name for rescue in turns.take(lambda _: 1.0)] for _ in range(looks)]
    assert taken == ([["0"], ["1"], ["2"]] + [[], ["0"], [], ["1"], [], ["2"]] * 7)[:looks]


def test_all_rescues_had_their_turn_after_five_looks_at_a_camera_frame() -> None:
    located, nothing = Turns(WHEN_LOCATED, WORK_WHEN_LOCATED, patient=False), Turns(WHEN_NOTHING_LOCATED, WORK_WHEN_NOTHING, patient=True)

    def near(rescue: Rescue) -> float:
        return whole(rescue) if rescue.where is rescues.Where.WHOLE else rescue.work(400, 400)

    def blind(rescue: Rescue) -> float:
        return rescue.work(*(240, 240) if rescue.where is rescues.Where.BUSIEST else (960, 1280))

    assert {rescue.name for _ in range(6) for rescue in located.take(near)} == {rescue.name for rescue in WHEN_LOCATED}
    assert {rescue.name for _ in range(5) for rescue in nothing.take(blind)} == {rescue.name for rescue in WHEN_NOTHING_LOCATED}


@pytest.mark.parametrize("rescue", ALL_RESCUES, ids=lambda rescue: rescue.name)
@pytest.mark.parametrize("size", [(960, 1280), (2464, 3280), (3, 3000), (2, 100_000), (40, 30)])
def test_the_work_of_a_rescue_is_bounded_whatever_the_frame(rescue: Rescue, size: tuple[int, int]) -> None:
    assert rescue.work(*size) <= 5.5


@given(changes=st.lists(st.sampled_from(Change), max_size=60), unread=st.booleans())
def test_only_unchanged_frames_are_skipped_and_never_eight_in_a_row(changes: list[Change], unread: bool) -> None:
    schedule, in_a_row = Schedule(), 0
    for change in changes:
        skipped = schedule.skips(change)
        assert not (skipped and change is not Change.NONE)
        in_a_row = in_a_row + 1 if skipped else 0
        assert in_a_row < FORCED_EVERY
        if not skipped and unread:
            schedule.rescues(Found(located=(SOMEWHERE,)), whole)


@given(changes=st.lists(st.sampled_from(Change), max_size=30))
def test_nothing_is_skipped_where_every_look_is_wanted(changes: list[Change]) -> None:
    schedule = Schedule(skip_unchanged=False)
    assert not any(schedule.skips(change) for change in changes)


def test_without_zbar_nobody_asks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware.readers.zbar.read_qr", lambda _: pytest.fail("ZBar was asked"))
    decoder = Decoder(skip_unchanged=False, with_zbar=False)
    tried = [name for _ in range(8) for name in decoder.look(held_up(WALL, CARD, spoilt=True)).tried]
    assert len(set(tried)) == sum(rescue.reader is not Reader.ZBAR for rescue in WHEN_LOCATED)


def test_an_unchanged_frame_is_skipped_with_a_forced_look_every_few() -> None:
    decoder = Decoder()
    looks = [decoder.look(WALL) for _ in range(1 + 3 * FORCED_EVERY)]
    assert [number for number, look in enumerate(looks) if not look.skipped] == [0, FORCED_EVERY, 2 * FORCED_EVERY, 3 * FORCED_EVERY]


def test_noise_is_no_change_and_a_small_phone_far_away_is_one() -> None:
    view, rng = View(), np.random.default_rng(3)

    def noisy(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return (frame + rng.normal(0, 4, frame.shape)).clip(0, 255).astype(np.uint8)

    assert view.change(noisy(WALL)) is Change.ALL
    assert [view.change(noisy(WALL)) for _ in range(20)] == [Change.NONE] * 20
    far = WALL.copy()
    far[300:370, 400:470] = 230
    assert view.change(noisy(far)) is Change.SOME
    assert view.change(noisy(255 - far)) is Change.ALL


def test_slow_changes_add_up() -> None:
    view, frame = View(), np.full((240, 320), 60, np.uint8)
    assert Change.ALL in [view.change(frame + np.uint8(step)) for step in range(0, 60, 3)][1:]


def test_a_frame_of_another_size_is_another_view() -> None:
    view = View()
    assert [view.change(WALL), view.change(WALL[:-16]), view.change(WALL[:-16])] == [Change.ALL, Change.ALL, Change.NONE]


def test_the_rescues_begin_anew_with_another_view() -> None:
    decoder = Decoder(skip_unchanged=False)
    first = [names(decoder.look(WALL)) for _ in range(3)]
    assert len({tuple(tried) for tried in first}) == 3
    assert [names(decoder.look(255 - WALL)) for _ in range(3)] == first


def test_the_rescues_begin_anew_when_something_moves_after_stillness() -> None:
    decoder = Decoder()
    first = names(decoder.look(WALL))
    for _ in range(2 * FORCED_EVERY + 1):
        decoder.look(WALL)
    moved = WALL.copy()
    moved[200:360, 300:460] = 255
    assert names(decoder.look(moved)) == first


def test_a_code_that_stays_unread_gets_all_rescues_even_if_it_stands_still() -> None:
    decoder, frame = Decoder(), held_up(WALL, CARD, spoilt=True)
    tried: list[str] = []
    while not (look := decoder.look(frame)).skipped:
        assert look.located
        tried += look.tried
    assert tried == [rescue.name for rescue in WHEN_LOCATED]
    assert look.located  # said on while nobody looks


def test_the_look_that_reads_everything_answers_at_once() -> None:
    looks = [Decoder().look(held_up(WALL, CARD)) for _ in range(2)]
    assert all(look.tried == () and look.settled for look in looks)


def test_beside_a_code_that_is_read_a_further_one_is_looked_for_soon_at_first_and_rarer_later() -> None:
    schedule, read = Schedule(), Found((Decoded(CARD, "zxing", SOMEWHERE),))
    tried = [[rescue.name for rescue in schedule.rescues(read, lambda _: 1.0)] for _ in range(BESIDE_EVERY_2ND + 40)]
    looks = [number for number, names in enumerate(tried, start=1) if names]
    assert looks[: BESIDE_EACH - 1] == list(range(2, BESIDE_EACH + 1))
    assert {later - one for one, later in pairwise(looks) if one > BESIDE_EACH and later <= BESIDE_EVERY_2ND} == {2}
    assert {later - one for one, later in pairwise(looks) if one >= BESIDE_EVERY_2ND} == {4}
    turns = [name for names in tried for name in names]
    assert turns == ([rescue.name for rescue in WHEN_ALL_READ] * len(turns))[: len(turns)]


@pytest.mark.parametrize("between", [Found(), Found(located=(SOMEWHERE,))], ids=["gone", "unread"])
def test_the_next_code_that_is_read_has_soon_looks_beside_it_again(between: Found) -> None:
    schedule, read = Schedule(), Found((Decoded(CARD, "zxing", SOMEWHERE),))
    for _ in range(BESIDE_EVERY_2ND):
        list(schedule.rescues(read, lambda _: 1.0))
    list(schedule.rescues(between, lambda _: 1.0))
    assert [len(list(schedule.rescues(read, lambda _: 1.0))) for _ in range(BESIDE_EACH)] == [0, *[1] * (BESIDE_EACH - 1)]


def test_a_blurred_code_beside_one_that_is_read_is_read_too() -> None:
    wall = np.full((720, 1280), 120, np.uint8)
    frame = held_up(wall, CARD, (60, 60))
    frame[:, 640:] = blurred(blurred(blurred(held_up(wall, OTHER, (300, 900))[:, 640:]), 2), 2)
    assert Reader.ZXING.read(frame).settled  # the other one is not even located
    decoder = Decoder(skip_unchanged=False)
    looks = [{one.text for one in decoder.look(frame).decoded} for _ in range(20)]
    assert {CARD, OTHER} in looks[: 1 + len(WHEN_ALL_READ)]
    assert looks[looks.index({CARD, OTHER}) :] == [{CARD, OTHER}] * (20 - looks.index({CARD, OTHER}))  # from then on


def test_the_busiest_part_may_be_sought_beside_what_is_known() -> None:
    frame = held_up(held_up(np.full((960, 1280), 90, np.uint8), CARD, (80, 120)), CARD, (500, 700))
    first = busiest(frame, 240)
    second = busiest(frame, 240, [first])
    third = busiest(frame, 240, [first, second])
    assert {holds(first, (200, 150)), holds(second, (200, 150))} == {True, False}
    assert {holds(first, (780, 580)), holds(second, (780, 580))} == {True, False}
    assert 0 <= third.left < third.right <= 1280


def test_several_codes_in_one_view_are_all_read_and_a_spoilt_one_beside_them_is_located() -> None:
    frame = held_up(held_up(WALL, CARD, (60, 60)), OTHER, (400, 600))
    assert {one.text for one in Decoder().look(frame).decoded} == {CARD, OTHER}
    look = Decoder().look(held_up(frame, "beyond reading" * 6, (60, 500), spoilt=True))
    assert {one.text for one in look.decoded} == {CARD, OTHER}
    assert len(look.located) == 1
    assert not look.settled


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 400), width=st.integers(1, 400), side=st.integers(8, 500), seed=st.integers(0, 99))
def test_the_busiest_part_lies_in_the_frame(height: int, width: int, side: int, seed: int) -> None:
    frame = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    box = busiest(frame, side)
    assert 0 <= box.left < box.right <= width
    assert 0 <= box.top < box.bottom <= height
    assert max(box.right - box.left, box.bottom - box.top) <= side


def test_the_busiest_part_is_where_the_code_is() -> None:
    frame = held_up(np.full((960, 1280), 90, np.uint8), CARD, (500, 700))
    box = busiest(frame, 240)
    side = picture_of(CARD).shape[0]
    assert abs((box.left + box.right) / 2 - (700 + side / 2)) < 16
    assert abs((box.top + box.bottom) / 2 - (500 + side / 2)) < 16
