"""How the gates of a place are, as the fleet's store has it: which scanners are heard, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from province.base.layout import Layout
from province.boards.passages import Place
from province.fleet.sight import State, picture_of
from province.watch.fleet_store import FleetStore


@dataclass(frozen=True, slots=True)
class Gate:
    """A scanner at a gate.

    Attributes:
        name: the gate's.
        device: the scanner's, in its organisation.
        state: as the desk shows it.
        heard_ms: when it was last heard, milliseconds since 1970 UTC; 0 when never.
    """

    name: str
    device: str
    state: State
    heard_ms: int

    @property
    def is_away(self) -> bool:
        """Whether what it records cannot come now."""
        return self.state is State.OFFLINE or not self.heard_ms


def of_places(layout: Layout, places: Collection[Place]) -> dict[Place, list[Gate]]:
    """The scanners of some places, by gate and name; none where no fleet is watched on this machine."""
    found: dict[Place, list[Gate]] = {place: [] for place in places}
    if not layout.fleet_store.exists():
        return found
    with FleetStore(layout.fleet_store) as store:
        for org in {place.org for place in places}:
            for row in picture_of(store, org).values():
                here = found.get(Place(org, row.seen.site))
                if here is not None:
                    here.append(Gate(row.seen.gate, row.seen.name.device, row.state, row.heard_ms))
    return {place: sorted(gates, key=lambda gate: (gate.name, gate.device)) for place, gates in found.items()}
