from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis.strategies import binary, lists, sampled_from, text

from drivers.line_framing import LineFraming

ENDS = sampled_from([b"\r", b"\n", b"\r\n", b"\x03", b"\x03\r\n"])
NOISE = sampled_from([b"", b"\r", b"\n", b"\x02", b"\x03", b"\x00", b"\xff", b"ab", b"0123456789abcdef", b"\xe1\xba", b"\xa8"])
PRINTABLE = text(min_size=1, max_size=8).filter(lambda line: line.isprintable() and len(line.encode()) <= 16)


@given(pieces=lists(NOISE | binary(max_size=6), max_size=40), cuts=lists(sampled_from([1, 2, 3, 7]), min_size=1))
def test_any_cutting_of_the_same_bytes_gives_the_same_lines_and_counts(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    whole, cut = LineFraming(16), LineFraming(16)
    lines: list[bytes] = []
    at = turn = 0
    while at < len(data):
        step = cuts[turn % len(cuts)]
        lines += cut.feed(data[at : at + step])
        at, turn = at + step, turn + 1
    assert lines == whole.feed(data)
    assert cut.refused() == whole.refused()


@given(lines=lists(PRINTABLE), ends=lists(ENDS, min_size=1))
def test_text_lines_come_out_as_they_went_in_whatever_ends_them(lines: list[str], ends: list[bytes]) -> None:
    framing = LineFraming(16)
    sent = b"".join(line.encode() + ends[number % len(ends)] for number, line in enumerate(lines))
    assert framing.feed(sent) == [line.encode() for line in lines]
    assert framing.refused() == {}


@given(pieces=lists(NOISE, max_size=60))
def test_no_line_is_empty_too_long_or_not_text(pieces: list[bytes]) -> None:
    framing = LineFraming(16)
    for piece in pieces:
        for line in framing.feed(piece):
            assert 1 <= len(line) <= 16
            assert line.decode().isprintable()
        assert len(framing._partial) <= 16


@pytest.mark.parametrize(
    "sent, lines, refused",
    [
        (b"\x02one\x03\x02two\x03", [b"one", b"two"], {}),
        (b"broken\x02whole\x03", [b"whole"], {"incomplete": 1}),
        (b"0010990123\x02whole\x03", [b"whole"], {"unended": 1}),
        (b"0123456789abcdef\r", [b"0123456789abcdef"], {}),
        (b"0123456789abcdefg\rnext\r", [b"next"], {"oversize": 1}),
        (b"0123456789abcdefg\x00\xff\rnext\r", [b"next"], {"oversize": 1}),
        (b"a\x1db\rc\td\r\xff\xfe\r\x7f\r", [b"c\td"], {"binary": 3}),
        (b"\r\n\r\n\x02\x03", [], {}),
    ],
)
def test_framing_by_example(sent: bytes, lines: list[bytes], refused: dict[str, int]) -> None:
    framing = LineFraming(16)
    assert framing.feed(sent) == lines
    assert framing.refused() == refused


@pytest.mark.parametrize("half, reason", [(b"half of Mr A's", "unended"), (b"001099012", "incomplete"), (b"\xff", "incomplete")])
def test_a_burst_that_ends_without_a_line_end_is_not_glued_to_the_next(half: bytes, reason: str) -> None:
    framing = LineFraming(16)
    framing.feed(half)
    framing.end_of_burst()
    framing.end_of_burst()
    assert framing.feed(b"Mrs B\r") == [b"Mrs B"]
    assert framing.refused() == {reason: 1}


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="max_bytes must be above 0, got 0"):
        LineFraming(0)
