"""The map of a case: names stand where there is room, never upon each other or another place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from province.tracing.map_picture import labels

_POINTS = st.lists(st.tuples(st.integers(0, 600), st.integers(0, 420)), min_size=1, max_size=30)


@given(_POINTS, st.integers(1, 60))
def test_no_name_is_upon_another_or_upon_a_place(points: list[tuple[int, int]], letters: int) -> None:
    places = {("org", str(number)): (float(x), float(y)) for number, (x, y) in enumerate(points)}
    found = labels(places, dict.fromkeys(places, "a" * letters), 420.0)
    corners = [(box.x, box.y, box.x + box.width, box.y + box.height) for box, _name in found]
    for number, (left, top, right, bottom) in enumerate(corners):
        assert 0 <= left < right <= 760
        assert 0 <= top < bottom <= 420
        for other in corners[:number]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
        assert all(not (left < x < right and top < y < bottom) for x, y in places.values())


def test_who_stands_alone_has_a_name_to_the_right_and_at_the_edge_to_the_left() -> None:
    [(box, name)] = labels({("a", "b"): (100.0, 100.0)}, {("a", "b"): "Chợ"}, 420.0)
    assert (name, box.x > 100) == ("Chợ", True)
    [(box, _name)] = labels({("a", "b"): (750.0, 100.0)}, {("a", "b"): "Chợ Bản Hoa"}, 420.0)
    assert box.x + box.width < 750
