"""Draws where a case went: by coordinates where all its places have some, otherwise by district. No map is fetched from anywhere."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from province.registry.categories import Category
from province.tracing.drawing import Box, Dot, Label, Picture, Shape, Way
from province.tracing.timeline import numbered
from province.tracing.trace import Visit

_WIDTH = 760.0
_COLUMNS = 3
_GAP, _HEAD, _LINE = 14.0, 26.0, 30.0
_PLOT_HEIGHT, _MARGIN = 420.0, 48.0
_LONGEST = 30
_DOT, _LETTER, _HALO = 11.0, 6.2, 15.0
_Point = tuple[float, float]
_Key = tuple[str, str]


def draw(visits: Sequence[Visit], said: Mapping[str, str]) -> Picture:
    """The places, numbered as in the timeline, and the way from one to the next."""
    numbers = numbered(visits)
    names = {(visit.place.org, visit.place.site): visit.about.name for visit in visits}
    found = _positions(visits)
    if numbers and found.keys() == numbers.keys() and len(set(found.values())) > 1:
        points, shapes = _projected(found), list[Shape]()
        height = max(y for _x, y in points.values()) + _MARGIN
        caption = said["coordinates"]
    else:
        points, height, shapes = _by_district(visits, numbers, said)
        caption = said["schematic"]
    order = [points[visit.place.org, visit.place.site] for visit in visits]
    if len(order) > 1:
        shapes.append(Way(tuple(order), "way"))
    for key, number in numbers.items():
        x, y = points[key]
        shapes.append(Dot(x, y, _DOT, "place", names[key]))
        shapes.append(Label(x, y + 4, str(number), 11, "middle", "on"))
    for box, name in labels({key: points[key] for key in numbers}, names, height):
        shapes += [box, Label(box.x + 2, box.y + 12, name, 11)]  # the way runs behind it
    shapes.append(Label(_GAP, height + 14, caption, 11, "start", "soft"))
    return Picture(_WIDTH, height + 22, said["map"], shapes)


def labels(points: Mapping[_Key, _Point], names: Mapping[_Key, str], height: float) -> list[tuple[Box, str]]:
    """Names where there is room beside their dots, upon no other dot and no other name; a place without room has its number alone."""
    dots = {key: Box(x - _DOT, y - _DOT, 2 * _DOT, 2 * _DOT, "") for key, (x, y) in points.items()}
    found: list[tuple[Box, str]] = []
    for key, (x, y) in points.items():
        name = _short(names[key])
        width = _LETTER * len(name) + 4
        places = ((x + 14, y - 8), (x - 14 - width, y - 8), (x - width / 2, y + 13), (x - width / 2, y - 28))
        taken = [*(dot for other, dot in dots.items() if other != key), *(box for box, _name in found)]
        for left, top in places:
            box = Box(left, top, width, _HALO, "halo")
            if left >= 0 and top >= 0 and left + width <= _WIDTH and top + _HALO <= height and not any(_meet(box, one) for one in taken):
                found.append((box, name))
                break
    return found


def _meet(one: Box, other: Box) -> bool:
    beside = one.x >= other.x + other.width or other.x >= one.x + one.width
    return not (beside or one.y >= other.y + other.height or other.y >= one.y + one.height)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def _positions(visits: Sequence[Visit]) -> dict[_Key, _Point]:
    """Latitude and longitude, in degrees, of places whose scanner said where it was."""
    found: dict[_Key, _Point] = {}
    for visit in visits:
        for seen in visit.seen:
            if (at := seen.body.position) is not None:
                found.setdefault((visit.place.org, visit.place.site), (at.latitude_e7 / 1e7, at.longitude_e7 / 1e7))
    return found


def _projected(found: Mapping[_Key, _Point]) -> dict[_Key, _Point]:
    """Points of the picture: equirectangular, a degree of longitude as short as it is there."""
    latitudes, longitudes = zip(*found.values(), strict=True)
    narrow = math.cos(math.radians(sum(latitudes) / len(latitudes)))
    width = max((max(longitudes) - min(longitudes)) * narrow, 1e-6)
    height = max(max(latitudes) - min(latitudes), 1e-6)
    scale = min((_WIDTH - 5 * _MARGIN) / width, (_PLOT_HEIGHT - 2 * _MARGIN) / height)
    return {
        key: (_MARGIN + (longitude - min(longitudes)) * narrow * scale, _MARGIN + (max(latitudes) - latitude) * scale)
        for key, (latitude, longitude) in found.items()
    }


def _by_district(
    visits: Sequence[Visit], numbers: Mapping[_Key, int], said: Mapping[str, str]
) -> tuple[dict[_Key, _Point], float, list[Shape]]:
    """A box for each district, the places in it one beneath the other."""
    within: dict[str, list[_Key]] = defaultdict(list)
    for key in numbers:
        about = next(visit.about for visit in visits if (visit.place.org, visit.place.site) == key)
        road = said["road"] if about.category == Category.VEHICLE else said["elsewhere"]
        within[about.district or road].append(key)
    columns = max(1, min(_COLUMNS, len(within)))
    width = (_WIDTH - _GAP * (columns + 1)) / columns
    points: dict[_Key, _Point] = {}
    shapes: list[Shape] = []
    reached = [_GAP] * columns
    for district, keys in within.items():
        column = reached.index(min(reached))
        x, y, height = _GAP + column * (width + _GAP), reached[column], _HEAD + len(keys) * _LINE + 6
        shapes += [Box(x, y, width, height, "frame"), Label(x + 10, y + 18, district, 12)]
        for place, key in enumerate(keys):
            points[key] = x + 24 + (place % 2) * 10, y + _HEAD + place * _LINE + _LINE / 2
        reached[column] = y + height + _GAP
    return points, max(reached), shapes
