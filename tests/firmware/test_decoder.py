"""A code is read to the letter or not at all, whatever the frame is like."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from qr_pictures import picture_in_segments, picture_of

from firmware import zbar
from firmware.corners import centre
from firmware.decoder import Decoded, Decoder
from firmware.person_codes import Scheme, read_person, write_person
from firmware.pictures import load_grey
from firmware.readers import Reader
from province.demo.synthetic import synthetic_people

QR_IMAGES = Path(os.environ.get("GATE_QR_IMAGES", Path(__file__).parents[2] / "../shared/qr-images"))
CARD = "001099012345||Nguyễn Đình Ưỡn|15031999|Nam|Hà Nội|10052021"
CARDS = [write_person(person) for person in synthetic_people(400, seed=400, scheme=Scheme.CCCD)]


def texts(grey: NDArray[np.uint8]) -> list[str]:
    return [one.text for one in Decoder().look(grey).decoded]


def looked_at(grey: NDArray[np.uint8], looks: int) -> list[str]:
    decoder, found = Decoder(skip_unchanged=False), dict[str, None]()
    for _ in range(looks):
        look = decoder.look(grey)
        found.update(dict.fromkeys(one.text for one in look.decoded))
        if look.settled:
            break
    return list(found)


def squeezed(text: str) -> str:
    return "".join(text.split())


def certain(text: str) -> bool:
    return text.isascii() or any("\u1ea0" <= character <= "\u1ef9" for character in text)


@pytest.mark.parametrize("reader", Reader)
def test_400_vietnamese_cards_are_read_to_the_letter_by_each_reader(reader: Reader) -> None:
    for text in CARDS:
        read = [one.text for one in reader.read(picture_of(text)).decoded]
        assert read == ([text] if certain(text) or reader is not Reader.ZBAR else [])
        assert [write_person(read_person(each)) for each in read] == read


@pytest.mark.parametrize("reader", Reader)
def test_200_cards_in_numeric_and_byte_segments_are_read_to_the_letter_by_each_reader(reader: Reader) -> None:
    for text in CARDS[:200]:
        read = [one.text for one in reader.read(picture_in_segments(text)).decoded]
        assert read == ([text] if certain(text) or reader is not Reader.ZBAR else [])


def test_nine_cards_in_ten_are_certain_to_the_second_decoder() -> None:
    assert sum(map(certain, CARDS)) >= 350


@pytest.mark.skipif(not QR_IMAGES.is_dir(), reason="the shared pictures are not here: set GATE_QR_IMAGES to their folder")
@pytest.mark.parametrize("looks, least", [(1, 0.88), (5, 0.95)])
def test_real_photographs_are_read_and_none_wrongly(looks: int, least: float) -> None:
    manifest = json.loads((QR_IMAGES / "manifest.json").read_text("utf-8"))
    right, wrong = 0, []
    for row in manifest:
        found = {squeezed(text) for text in looked_at(load_grey(QR_IMAGES / row["file"]), looks)}
        right += squeezed(row["text"]) in found
        wrong += [row["file"]] if found - {squeezed(row["text"])} else []
    assert wrong == []
    assert right >= least * len(manifest)


@pytest.mark.parametrize("eci", [False, True])
def test_utf8_is_read_whether_declared_or_not(eci: bool) -> None:
    picture = picture_of(CARD, eci=eci)
    assert texts(picture) == [CARD]
    assert [code.data.decode() for code in zbar.read_qr(picture)] == [CARD]


def test_a_declared_unicode_normal_form_is_left_alone() -> None:
    assert texts(picture_of("Nguye\u0302\u0303n")) == ["Nguye\u0302\u0303n"]


@pytest.mark.parametrize(
    "picture",
    [
        picture_of("Đà Năng", encoding="cp1258"),
        picture_of("café", encoding="latin1"),
        picture_of("café", encoding="latin1", eci=True),
        picture_of("点茗", encoding=None, mode="kanji"),
        picture_of(b"001\xc3(\xff", encoding=None, mode="byte"),
    ],
    ids=["cp1258", "latin1", "latin1-declared", "kanji", "garbage"],
)
def test_other_encodings_are_not_guessed(picture: NDArray[np.uint8]) -> None:
    look = Decoder().look(picture)
    assert look.decoded == ()
    assert len(look.not_text) == 1
    assert look.located == ()


def damaged(picture: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    spoilt = picture.copy()
    side = int(spoilt.shape[0] * share)
    spoilt[-16 - side : -16, -16 - side : -16] = 0
    return spoilt


def test_a_code_that_is_seen_but_not_read_is_located() -> None:
    frame = np.full((480, 640), 255, dtype=np.uint8)
    code = damaged(picture_of(CARD), 0.5)
    frame[100 : 100 + code.shape[0], 200 : 200 + code.shape[1]] = code
    look = Decoder().look(frame)
    assert look.decoded == ()
    assert len(look.located) == 1
    x, y = centre(look.located[0])
    assert abs(x - (200 + code.shape[1] / 2)) < 20
    assert abs(y - (100 + code.shape[0] / 2)) < 20


def test_a_rescue_reads_what_was_only_located_and_tells_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = np.full((480, 640), 255, dtype=np.uint8)
    code = picture_of(CARD)
    height, width = code.shape
    frame[100 : 100 + height, 200 : 200 + width] = code
    as_read = Decoder().look(frame).decoded[0].corners
    assert as_read is not None
    plain = zxingcpp.read_barcodes
    monkeypatch.setattr(
        "firmware.readers.zxingcpp.read_barcodes",
        lambda grey, **options: [_Unread(as_read)] if grey.shape == frame.shape else plain(grey, **options),
    )
    look = Decoder().look(frame)
    assert [one.text for one in look.decoded] == [CARD]
    assert look.tried == ("near, one threshold",)
    assert look.located == ()
    corners = look.decoded[0].corners
    assert corners is not None
    assert all(abs(a - b) <= 3 for mine, theirs in zip(corners, as_read, strict=True) for a, b in zip(mine, theirs, strict=True))


class _Point:
    def __init__(self, at: tuple[int, int]) -> None:
        self.x, self.y = at


class _Unread:
    """What zxing-cpp returns for a code whose checksum fails."""

    valid = False

    def __init__(self, corners: tuple[tuple[int, int], ...]) -> None:
        self.position = self
        self.top_left, self.top_right, self.bottom_right, self.bottom_left = map(_Point, corners)


@pytest.mark.parametrize("turns", range(4))
def test_corners_are_the_symbols_own_in_both_decoders(turns: int) -> None:
    picture = np.rot90(picture_of(CARD), turns)
    corners = Decoder().look(picture).decoded[0].corners
    raw = zbar.read_qr(picture)[0].corners
    assert corners is not None
    assert raw is not None
    middle = centre(corners)
    turned = [(x < middle[0], y < middle[1]) for x, y in corners]
    clockwise = [(True, True), (False, True), (False, False), (True, False)]
    assert turned == clockwise[4 - turns :] + clockwise[: 4 - turns]
    assert all(abs(a - b) <= 3 for p, q in zip(corners, raw, strict=True) for a, b in zip(p, q, strict=True))


def test_an_inverted_a_mirrored_and_a_strided_code_are_read() -> None:
    picture = picture_of(CARD)
    wide = np.zeros((picture.shape[0], picture.shape[1] + 37), dtype=np.uint8)
    wide[:, : picture.shape[1]] = picture
    assert texts(255 - picture) == [CARD]
    assert texts(picture[:, ::-1]) == [CARD]
    assert texts(wide[:, : picture.shape[1]]) == [CARD]
    assert texts(np.repeat(np.repeat(picture, 2, axis=0), 2, axis=1)[::2, ::2]) == [CARD]
    assert [code.data.decode() for code in zbar.read_qr(wide[:, : picture.shape[1]])] == [CARD]


def test_two_people_at_once_are_two_texts_and_one_shown_twice_is_one() -> None:
    one, two = (picture_of(text, scale=3) for text in CARDS[:2])
    side = max(one.shape[0], two.shape[0])
    one, two = (np.pad(code, (0, side - code.shape[0]), constant_values=255) for code in (one, two))
    assert sorted(texts(np.hstack([one, two]))) == sorted(CARDS[:2])
    assert texts(np.hstack([one, one])) == [CARDS[0]]


@settings(max_examples=60, deadline=None)
@given(text=st.text(min_size=1, max_size=120), seed=st.integers(0, 2**32 - 1))
def test_whatever_a_code_holds_is_read_to_the_letter_or_not_at_all_however_spoilt(text: str, seed: int) -> None:
    try:
        picture = picture_of(text)
    except ValueError:  # lone surrogates
        return
    assert looked_at(picture, 1) in ([text], [])
    rng = np.random.default_rng(seed)
    spoilt = picture.astype(np.float64)
    top, left = rng.integers(0, picture.shape[0] - 20, 2)
    spoilt[top : top + 20, left : left + 20] = rng.integers(0, 256)
    spoilt = spoilt * rng.uniform(0.3, 1) + rng.normal(0, rng.uniform(0, 40), picture.shape)
    assert looked_at(spoilt.clip(0, 255).astype(np.uint8), 5) in ([text], [])


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (2, 2), (3, 2), (7, 13), (33, 641), (720, 1281)])
def test_blank_frames_of_any_size_are_empty_at_every_look(shape: tuple[int, int]) -> None:
    for grey in (0, 128, 255):
        decoder, frame = Decoder(skip_unchanged=False), np.full(shape, grey, dtype=np.uint8)
        for _ in range(8):
            look = decoder.look(frame)
            assert (look.decoded, look.located, look.not_text) == ((), (), ())
            assert look.took_ms > 0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 200), width=st.integers(1, 200))
def test_noise_holds_no_text(seed: int, height: int, width: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    assert looked_at(noise, 6) == []


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((0, 0), np.uint8),
        np.zeros((0, 5), np.uint8),
        np.zeros((5, 5, 3), np.uint8),
        np.zeros(5, np.uint8),
        np.zeros((5, 5), np.float32),
        np.zeros((5, 5), np.int8),
        np.zeros((), np.uint8),
        [[0, 0], [0, 0]],
        b"\0" * 25,
        None,
    ],
)
def test_what_is_no_grey_frame_is_refused_clearly(frame: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="a frame"):
        Decoder().look(frame)


def test_a_reading_in_a_log_line_gives_nobody_away() -> None:
    picture = picture_of(CARD)
    assert "Nguy" not in repr(Decoder().look(picture))
    assert "Nguy" not in repr(zbar.read_qr(picture))
    assert "Nguy" not in repr(Decoded(CARD, "zxing", None))


def test_a_zbar_that_would_garble_names_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zbar, "_CONFIG_BINARY", 9)  # what a library without binary mode answers: 1, unknown
    with pytest.raises(zbar.ZBarError, match="0\\.23\\.92 or newer"):
        zbar.read_qr(picture_of(CARD))


def test_threads_look_side_by_side() -> None:
    wrong: list[str] = []

    def look(own: list[str]) -> None:
        decoder = Decoder()
        for text in own:
            picture = picture_of(text)
            read = [one.text for one in decoder.look(picture).decoded] + [code.data.decode() for code in zbar.read_qr(picture)]
            wrong.extend(other for other in read if other != text)

    threads = [threading.Thread(target=look, args=(CARDS[start : start + 15],)) for start in (0, 15, 30, 45)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
