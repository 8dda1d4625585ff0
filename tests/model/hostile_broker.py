"""The broker of the model, which is nobody's friend: it loses, doubles, reorders, keeps back, replays and forges, both ways."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from random import Random
from typing import TypeVar

from edge_agent.wire.topics import DeviceName

_Any = TypeVar("_Any")


@dataclass(frozen=True)
class Parcel:
    """A message on its way. `forged`: nobody may believe it."""

    topic: str
    payload: bytes
    forged: bool = False


@dataclass
class HostileBroker:
    """What is under way, and all that ever was.

    Attributes:
        up: to the province, of all devices.
        down: to each device.
        seen_up, seen_down: everything published once.
    """

    up: list[Parcel] = field(default_factory=list)
    down: dict[DeviceName, list[Parcel]] = field(default_factory=lambda: defaultdict(list))
    seen_up: list[Parcel] = field(default_factory=list)
    seen_down: list[Parcel] = field(default_factory=list)

    def from_device(self, parcel: Parcel) -> None:
        self.up.append(parcel)
        self.seen_up.append(parcel)

    def to_device(self, name: DeviceName, parcel: Parcel) -> None:
        self.down[name].append(parcel)
        self.seen_down.append(parcel)

    def way(self, name: DeviceName | None) -> list[Parcel]:
        """The way to a device; None: to the province."""
        return self.up if name is None else self.down[name]


def pick(items: list[_Any], place: int) -> _Any | None:
    """One of them, the last for 0: what is new is worth more to an attacker; None of none."""
    return items[-1 - place % len(items)] if items else None


def shuffled(way: list[Parcel], seed: int) -> None:
    Random(seed).shuffle(way)


def bit_flipped(parcel: Parcel, place: int) -> Parcel:
    """One bit of the payload is another."""
    changed = bytearray(parcel.payload)
    changed[place // 8 % len(changed)] ^= 1 << place % 8
    return replace(parcel, payload=bytes(changed), forged=True)


def cut_short(parcel: Parcel, place: int) -> Parcel:
    return replace(parcel, payload=parcel.payload[: place % len(parcel.payload)], forged=True)
