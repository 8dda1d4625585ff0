"""A place with a scanner, for tests of boards: passages of marked people, made and arrived as the collector has them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from old_province import arrive
from province_world import Log, Scanner, scanner

from edge_agent.wire.entry import Clock, Direction, Header, Known, Method, Passage, RecordedPerson
from edge_agent.wire.keyring import day_of
from province.base.clock import now_ms
from province.base.layout import Layout
from province.boards.asked import Asked
from province.boards.board import Board, Boards
from province.boards.passages import Place, Sight
from province.keys.keystore import Keystore
from province.registry import sites
from province.registry.categories import Category
from province.registry.site import Site, new_site
from province.store import database

MARKED = RecordedPerson(
    "cccd", "001099487653", "Nguyễn Văn Zqxjkv", "987650123", "1937-04-29", "male", "0109876543", "DN4010123456789"
)  # fmt: skip
HIDDEN = ("Zqxjkv", "ZQXJKV", "zqxjkv", "87653", "650123", "1937", "29/04", "76543", "456789")  # of the marked person; shown to no keeper


def person(number: int) -> RecordedPerson:
    """Somebody else."""
    return RecordedPerson("cccd", f"00109900{number:04}", f"Trần Thị Số{number}")


@dataclass
class World:
    """A site with one scanner.

    Attributes:
        place: whose entries its are.
    """

    layout: Layout
    site: Site
    scanner: Scanner
    log: Log
    boards: Boards = field(init=False)

    def __post_init__(self) -> None:
        self.boards = Boards(self.layout, Keystore(self.layout.keystore), now_ms)

    @property
    def place(self) -> Place:
        return Place(self.site.org, self.site.name)

    def made(
        self,
        who: RecordedPerson = MARKED,
        direction: Direction = Direction.IN,
        *,
        ago_ms: int = 0,
        at_ms: int | None = None,
        clock: Clock = Clock.SYNCHRONISED,
        gate: str = "Cổng",
        **more: object,
    ) -> bytes:
        """A passage's envelope, the scanner's next."""
        wall_ms = now_ms() - ago_ms if at_ms is None else at_ms
        body = Passage(who, direction, Known.LANE, Method.CAMERA, **more)  # type: ignore[arg-type]  # fields by name
        change: Callable[[Header], Header] = lambda header: replace(  # noqa: E731 - one line of a header
            header, wall_ms=wall_ms, boottime_ms=max(1, wall_ms % 86_400_000), clock=clock, gate=gate
        )
        return self.log.append(body, change=change)

    def arrive(self, *envelopes: bytes) -> None:
        """Registers them, as the collector does."""
        arrive(self.layout, self.scanner, envelopes)

    def look(self, sight: Sight = Sight.MASKED, asked: Asked | None = None, told: set[int] | None = None) -> Board:
        """Its board, without a page."""
        with closing(database.connect(self.layout.register)) as connection:
            whole = Asked(day_of(now_ms()))
            return self.boards.look(connection, self.site, asked or whole, sight, "abcdefgh", set() if told is None else told)


def world_of(layout: Layout, folder: Path, category: Category = Category.MARKET, id_: str = "cho") -> World:
    """A place named as `province_world.scanner` names it."""
    gate = scanner(layout, folder, f"scanner-{id_}", f"org-{id_}")
    with closing(database.connect(layout.register)) as connection:
        site = new_site(id_, gate.name.org, "Chợ", category, f"Phố {id_}", ("Cổng", "Cổng sau"))
        sites.add(connection, layout.register, site)
    return World(layout, site, gate, Log.new(gate))
