"""The picture of a case's days says at each stay which place it was, however short the stay, and no number covers another or a bar."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.wire.entry import Direction
from edge_agent.wire.keyring import day_of
from province.records.views import day_bounds_ms
from province.tracing import timeline
from province.tracing.drawing import Box, Label
from province.tracing.finding import Place
from province.tracing.places import About
from province.tracing.rules import MINUTE_MS
from province.tracing.stays import Passed, Stay
from province.tracing.trace import Visit
from province.tracing.words import WORDS

FIRST_MS = day_bounds_ms(day_of(1_633_366_800_000))[0]
stays = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1439), st.integers(0, 200)), min_size=1, max_size=12)


def visit(place: int, minute: int, minutes: int) -> Visit:
    begin_ms = FIRST_MS + minute * MINUTE_MS
    ends = [Passed(1, at_ms, at_ms, way) for at_ms, way in ((begin_ms, Direction.IN), (begin_ms + minutes * MINUTE_MS, Direction.OUT))]
    return Visit(Place("huyen-a", f"n{place}"), About(f"Nơi {place}"), Stay(begin_ms, ends[1].late_ms, *ends), ())


@given(stays)
def test_every_stay_has_its_number(given_stays: list[tuple[int, int, int]]) -> None:
    visits = [visit(*each) for each in sorted(given_stays, key=lambda each: each[1])]
    picture = timeline.draw(visits, WORDS["vi"])
    bars = [shape for shape in picture.shapes if isinstance(shape, Box)]
    labels = [shape for shape in picture.shapes if isinstance(shape, Label) and shape.text.isdigit() and shape.y > 20]
    assert sorted(shape.text for shape in labels) == sorted(bar.tip.partition(".")[0] for bar in bars)
    beside = [shape for shape in labels if shape.anchor == "start"]
    for label in beside:
        row = [bar for bar in bars if bar.y < label.y < bar.y + bar.height]
        assert all(label.x >= bar.x + bar.width or label.x + 5 <= bar.x for bar in row)
        assert label.x + 6 <= picture.width


def test_a_short_stay_alone_has_its_number_beside_it() -> None:
    picture = timeline.draw([visit(0, 600, 5), visit(1, 700, 180)], WORDS["vi"])
    first, second = (shape for shape in picture.shapes if isinstance(shape, Label) and shape.text in {"1", "2"})
    assert (first.anchor, second.anchor, second.kind) == ("start", "middle", "on")
