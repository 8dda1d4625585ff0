"""What a site is: a place that people enter and leave, with its gates. One place has one registration, one code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edge_agent.wire.entry import NAME_CHARACTERS
from province.base.clock import now_ms
from province.base.errors import NotAProvince
from province.registry import categories, places, site_codes, units
from province.registry.categories import Category
from province.registry.texts import Fault, Faulty, refuse, tidy, unnameable, unreadable
from province.registry.units import Level, Unit

ADDRESS_CHARACTERS = 200
PLATE_CHARACTERS = 20


_END_OF_TIMES_MS = 4_102_444_800_000  # the year 2100: what is later was mistyped


@dataclass(frozen=True, slots=True)
class Site:
    """A place.

    Attributes:
        id: its short name, unique in the province; like an organisation's.
        org: whose it is.
        name: for people; the same stands in entries and in scanners.
        gates: its doors, by name.
        unit: the commune it is in; None when that is not known.
        plate: a vehicle's number plate, as it is written on it.
        route: a vehicle's, for people.
        begins_ms: of what happens once, milliseconds since 1970 UTC; None of what stays.
        ends_ms: the same.
        registered_ms: when it was registered, milliseconds since 1970 UTC; 0 when that was not noted.
        closed_ms: since when it is no more.
        monitored_by: the organisation that watches over it.
        code: the letters of its site code.

    Raises:
        Faulty: a part cannot be.
    """

    id: str
    org: str
    name: str
    category: Category
    address: str
    gates: tuple[str, ...]
    unit: str | None = None
    plate: str | None = None
    route: str | None = None
    begins_ms: int | None = None
    ends_ms: int | None = None
    registered_ms: int = 0
    closed_ms: int | None = None
    monitored_by: str | None = None
    code: str = ""

    def __post_init__(self) -> None:
        refuse(self._faults())

    def _faults(self) -> Iterator[Fault]:
        yield from unnameable("id", self.id)
        yield from unnameable("org", self.org)
        yield from unreadable("name", self.name, NAME_CHARACTERS)
        yield from unreadable("address", self.address, ADDRESS_CHARACTERS)
        yield from unreadable("plate", self.plate, PLATE_CHARACTERS)
        yield from unreadable("route", self.route, NAME_CHARACTERS)
        for gate in self.gates:
            yield from unreadable("gate", gate, NAME_CHARACTERS)
        if not self.gates or len(set(self.gates)) != len(self.gates):
            yield Fault("gate", "at least one, each once")

    def is_past(self, at_ms: int) -> bool:
        """Whether it is closed or over by then."""
        return any(end is not None and end <= at_ms for end in (self.closed_ms, self.ends_ms))


def unfitting(one: Site) -> Iterator[Fault]:
    """What a site that is newly registered says, or does not say, against its category; those of earlier releases say less."""
    vehicle, one_off = one.category is Category.VEHICLE, one.category in categories.ONE_OFF
    if vehicle and one.plate is None:
        yield Fault("plate", "a vehicle has a number plate; name it, such as 75B-012.34")
    elif one.plate is not None and not places.is_plate(one.plate):
        yield Fault("plate", "no number plate; write it as it stands on the vehicle, such as 75B-012.34", one.plate)
    for field, of_vehicle in (("plate", one.plate), ("route", one.route)):
        if of_vehicle is not None and not vehicle:
            yield Fault(field, f"is a vehicle's; this is of category {one.category}", of_vehicle)
    for field, at_ms in (("begins", one.begins_ms), ("ends", one.ends_ms)):
        if one_off and at_ms is None:
            yield Fault(field, f"a {one.category} is once; say from when to when")
        elif not one_off and at_ms is not None:
            yield Fault(field, f"is of what is once; this is of category {one.category}")
        elif at_ms is not None and not 0 <= at_ms < _END_OF_TIMES_MS:
            yield Fault(field, "must be a time before the year 2100")
    if one.begins_ms is not None and one.ends_ms is not None and one.begins_ms >= one.ends_ms:
        yield Fault("ends", "must be after it begins")


def new_site(  # noqa: PLR0913 - a site says much of itself
    id_: str,
    org: str,
    name: str,
    category: Category,
    address: str,
    gates: Sequence[str],
    *,
    unit: str | None = None,
    plate: str | None = None,
    route: str | None = None,
    begins_ms: int | None = None,
    ends_ms: int | None = None,
    monitored_by: str | None = None,
    registered_ms: int | None = None,
) -> Site:
    """A site to register, its texts in one Unicode form (NFC), with a new site code; registered now, if no other time is given.

    Raises:
        NotAProvince: a part cannot be.
    """
    name, address, *doors = (tidy(text) for text in (name, address, *gates))
    at_ms = now_ms() if registered_ms is None else registered_ms
    try:
        one = Site(
            id_, org, name, category, address, tuple(doors), unit, plate and tidy(plate), route and tidy(route), begins_ms, ends_ms, at_ms,
            monitored_by=monitored_by, code=site_codes.new(),
        )  # fmt: skip
        refuse(unfitting(one))
    except Faulty as error:
        raise NotAProvince(f"{error}.") from None
    return one


def misplaced(one: Site, find_unit: Callable[[str], Unit | None], find_org: Callable[[str], object | None]) -> Iterator[Fault]:
    """What is wrong with where a site is, and who watches over it.

    Args:
        one: the site.
        find_unit: the registered unit of an id.
        find_org: the registered organisation of an id.
    """
    if one.unit is not None:
        unit = find_unit(one.unit)
        if unit is None:
            yield Fault("unit", units.unknown(one.unit, find_unit), one.unit)
        elif unit.level is not Level.COMMUNE:
            yield Fault("unit", f"is a {unit.level}; a site is in a commune", one.unit)
        elif unit.closed_ms is not None:
            yield Fault("unit", "is closed; name the commune that the place is in now", one.unit)
    if one.monitored_by is not None and find_org(one.monitored_by) is None:
        yield Fault("monitored_by", "not an organisation", one.monitored_by)


def is_same_place(one: Site, other: Site) -> bool:
    """Whether two sites seem to be one place: the same vehicle; or the same name, address and commune and, of what is once, time.

    A commune that is not known may be any.
    """
    if one.plate and other.plate:
        return places.plate_key(one.plate) == places.plate_key(other.plate)
    if places.place_key(one.name, one.address) != places.place_key(other.name, other.address):
        return False
    if None not in (one.unit, other.unit) and one.unit != other.unit:
        return False
    times = (one.begins_ms, one.ends_ms, other.begins_ms, other.ends_ms)
    match times:
        case int(begins), int(ends), int(others_begin), int(others_end):
            return begins < others_end and others_begin < ends
    return True


def described(one: Site) -> str:
    """A site in a message: enough to find it."""
    plate = f", {one.plate}" if one.plate else ""
    return f"site {one.id} of {one.org}, {one.name}{plate}, {one.address}"
