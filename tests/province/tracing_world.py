"""A register filled by hand for tracing tests: rows as the collector would have left them, of whoever, wherever, whenever."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from sqlalchemy import insert

from edge_agent.wire.entry import Body, Clock, Direction, Kind, Known, Method, Note, Passage, Position, RecordedPerson, encode_body
from edge_agent.wire.keyring import day_of
from edge_agent.wire.topics import DeviceName
from province.base.layout import Layout
from province.keys import wrapping
from province.keys.day_keys import DayKeys
from province.keys.identifiers import tokens
from province.keys.keystore import Keystore
from province.store import database, registry_tables, schema
from province.store.opened import Connection

MINUTE_MS = 60_000


@dataclass
class Hand:
    """Writes rows into an open register.

    Attributes:
        numbers: of rows.
        seqs: of each scanner's log.
    """

    connection: Connection
    keystore: Keystore
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    seqs: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _keys: dict[str, DayKeys] = field(default_factory=dict)

    def keys(self, epoch: str) -> DayKeys:
        if epoch not in self._keys:
            found = self.keystore.load(epoch)
            assert isinstance(found, DayKeys), epoch
            self._keys[epoch] = found
        return self._keys[epoch]

    def put(  # noqa: PLR0913 - a row says much
        self, site: str, at_ms: int, body: Body, *, org: str = "huyen-a", device: str = "cong-1", epoch: str | None = None,
        clock: Clock = Clock.SYNCHRONISED, registered_ms: int | None = None, forked: bool = False, erased: bool = False,
        corrected_ms: int | None = None, earlier_release: bool = False,
    ) -> int:  # fmt: skip
        """One row, with its tokens; returns its number. Earlier releases did not say in clear how somebody was recorded."""
        row_id, seq = next(self.numbers), next(self.seqs)
        log, day = sha256(device.encode()).digest()[:16], epoch or day_of(at_ms).isoformat()
        digest, keys = secrets.token_bytes(32), self.keys(day)
        passage = body if isinstance(body, Passage) else None
        closed = wrapping.wrap(encode_body(body), wrapping.identity(DeviceName(org, device), log, seq, digest), keys.data_key)
        row = {
            "id": row_id, "org": org, "device": device, "log": log, "seq": seq, "hash": digest, "prev": bytes(32),
            "kind": str(Kind.EVENT if passage is None else Kind.PASSAGE), "site": site, "gate": "Cổng",
            "direction": None if passage is None else str(passage.direction), "trip": None if passage is None else passage.trip,
            "method": None if passage is None or earlier_release else str(passage.method),
            "wall_ms": at_ms, "corrected_ms": corrected_ms, "boot": bytes(16), "boottime_ms": 1, "clock": str(clock), "key_id": f"{day}/x",
            "epoch": day, "status": "registered", "reason": None, "forked": int(forked),
            "registered_ms": at_ms if registered_ms is None else registered_ms,
            "body": None if erased else closed, "erased_ms": 1 if erased else None,
        }  # fmt: skip
        self.connection.execute(insert(schema.entry), row)
        if passage is not None and not erased:
            marks = [
                {"token": mark, "kind": str(kind), "entry_id": row_id, "epoch": day}
                for kind, mark in tokens(passage.person, keys.token_key)
            ]
            if marks:
                self.connection.execute(insert(schema.token), marks)
        return row_id

    def site(self, id_: str, category: str, name: str | None = None, org: str = "huyen-a", unit: str | None = None) -> None:
        row = {"id": id_, "org": org, "name": name or id_, "category": category, "address": f"1 đường {id_}", "code": id_, "unit": unit}
        self.connection.execute(insert(registry_tables.site), row)

    def unit(self, id_: str, level: str, name: str, parent: str | None = None) -> None:
        self.connection.execute(insert(registry_tables.unit), {"id": id_, "level": level, "name": name, "parent": parent})


def passed(
    person: RecordedPerson, way: str, trip: str | None = None, method: Method = Method.CAMERA, position: Position | None = None
) -> Passage:
    return Passage(person, Direction(way), Known.LANE, method, trip, position)


def someone(number: int, **more: str) -> RecordedPerson:
    return RecordedPerson("cccd", f"00109900{number:04}", f"Nguyễn Văn {number}", **more)


def trip_told(what: str, trip: str, why: str = "terminus") -> Note:
    return Note({"what": f"trip-{what}", "trip": trip, "why": why})


@contextmanager
def hand(layout: Layout) -> Iterator[Hand]:
    """A register to write into; what was written stays."""
    with closing(database.connect(layout.register)) as connection:
        yield Hand(connection, Keystore(layout.keystore))


@contextmanager
def for_once(connection: Connection, keystore: Keystore) -> Iterator[Hand]:
    """The same, and nothing stays."""
    connection.begin()
    try:
        yield Hand(connection, keystore)
    finally:
        connection.rollback()


def minutes(spans: Iterable[tuple[int, int]], base_ms: int) -> set[int]:
    """The minutes since `base_ms` that spans of milliseconds cover."""
    return {minute for begin, end in spans for minute in range((begin - base_ms) // MINUTE_MS, (end - base_ms) // MINUTE_MS)}


def a_busy_week(write: Hand, base: int) -> None:
    """A case's week: a market and an office in town, a temple and a bus elsewhere, a night at a dormitory, a hundred others about.

    Args:
        write: an empty register.
        base: midnight of the first day, milliseconds since 1970 UTC.
    """
    write.unit("46", "province", "Tỉnh Thừa Thiên Huế")
    for id_, name in (("474", "Thành phố Huế"), ("476", "Huyện Phong Điền"), ("479", "Thị xã Hương Thủy")):
        write.unit(id_, "district", name, "46")
    for id_, name, above in (
        ("19789", "Phường Đông Ba", "474"), ("19819", "Thị trấn Phong Điền", "476"), ("19960", "Phường Phú Bài", "479"),
    ):  # fmt: skip
        write.unit(id_, "commune", name, above)
    for id_, category, name, unit in (
        ("cho", "market", "Chợ Đông Ba", "19789"), ("vp", "office", "Công ty Dệt may Hương Giang", "19789"),
        ("chua", "worship", "Chùa Từ Lâm", "19819"), ("xe", "vehicle", "Xe buýt tuyến 08", None),
        ("ktx", "dormitory", "Ký túc xá Khu công nghiệp Phú Bài", "19960"),
    ):  # fmt: skip
        write.site(id_, category, name, unit=unit)
    case = CASE
    walks: list[tuple[int, RecordedPerson, str, str, str | None]] = []
    for day in range(5):
        start = day * 1440
        walks += [
            (start + 470, case, "in", "Công ty Dệt may Hương Giang", None),
            (start + 1020, case, "out", "Công ty Dệt may Hương Giang", None),
        ]
        for other in range(20):
            person = someone(100 + other, phone=f"09140000{other:02}")
            walks.append((start + 450 + 3 * other, person, "in", "Công ty Dệt may Hương Giang", None))
            walks.append((start + 700 + 20 * other, person, "out", "Công ty Dệt may Hương Giang", None))
    walks += [(1100, case, "in", "Xe buýt tuyến 08", "T1"), (1130, case, "out", "Xe buýt tuyến 08", "T1")]
    walks += [(1090 + other, someone(200 + other), "in", "Xe buýt tuyến 08", "T1") for other in range(12)]
    walks += [(1160, case, "in", "Chợ Đông Ba", None), (2 * 1440 + 1080, case, "in", "Chùa Từ Lâm", None)]
    walks += [(1110 + 2 * other, someone(300 + other), "in" if other % 3 else "out", "Chợ Đông Ba", None) for other in range(60)]
    walks += [
        (3 * 1440 + 1200, case, "in", "Ký túc xá Khu công nghiệp Phú Bài", None),
        (4 * 1440 + 400, case, "out", "Ký túc xá Khu công nghiệp Phú Bài", None),
    ]
    walks += [
        (3 * 1440 + 1250, someone(400), "in", "Ký túc xá Khu công nghiệp Phú Bài", None),
        (4 * 1440 + 380, someone(400), "out", "Ký túc xá Khu công nghiệp Phú Bài", None),
    ]
    for minute, person, way, site, trip in sorted(walks, key=lambda walk: walk[0]):
        write.put(site, base + minute * MINUTE_MS, passed(person, way, trip), device="may-1")
    write.put("Xe buýt tuyến 08", base + 1080 * MINUTE_MS, trip_told("begin", "T1"))
    write.put("Xe buýt tuyến 08", base + 1150 * MINUTE_MS, trip_told("end", "T1"))


CASE = someone(1, phone="0912345671")
