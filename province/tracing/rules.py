"""What a province lays down for tracing: `tracing.toml`, read whole before any of it counts; every problem is told at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from province.base.errors import NotAProvince
from province.registry.categories import Category
from province.tracing.stays import Rule

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
_ELSEWHERE = (60, 14)
# minutes assumed and hours at most, where it is neither an hour nor a working day
_KINDS: Mapping[str, tuple[int, int]] = MappingProxyType({
    Category.COMMUNE_OFFICE: (60, 14), Category.AGENCY: (120, 14), Category.OFFICE: (120, 14), Category.FACTORY: (480, 24),
    Category.DORMITORY: (480, 72), Category.BUILDING_SITE: (480, 24), Category.SHOP: (30, 14), Category.RESTAURANT: (90, 14),
    Category.BAR: (180, 14), Category.BEAUTY: (90, 14), Category.SPORT: (90, 14), Category.LEISURE: (120, 14), Category.LODGING: (480, 72),
    Category.TOURISM: (120, 14), Category.CULTURE: (90, 14), Category.WORSHIP: (90, 14), Category.HOSPITAL: (180, 72),
    Category.HOUSING: (480, 72), Category.SCHOOL: (240, 24), Category.VEHICLE: (60, 24), Category.WEDDING: (180, 24),
    Category.FUNERAL: (180, 24), Category.MEETING: (120, 14), Category.EVENT: (180, 24), Category.CHECKPOINT: (15, 4),
    Category.QUARANTINE: (480, 72), Category.LOCKDOWN: (480, 72), Category.GREEN_ZONE: (480, 72),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as having been together.

    Attributes:
        window_days: so many full days before today are looked at, where nobody says otherwise.
        least_ms: who was there for less time in all is no contact.
        contacts_most: at one place of the case so many people are named at most, the longest together first.
        second_officer: whether a case waits for a second officer before anything is shown.
        kinds: by category, where it differs from what this release assumes.
    """

    window_days: int = 21
    least_ms: int = MINUTE_MS
    contacts_most: int = 5000
    second_officer: bool = False
    kinds: Mapping[str, Rule] = field(default_factory=dict)

    def of(self, category: str | None) -> Rule:
        """How long people stay at a kind of place; None: the registry does not know it."""
        found = self.kinds.get(category or "")
        return _rule(*_KINDS.get(category or "", _ELSEWHERE)) if found is None else found


def _rule(assumed_min: int, longest_h: int) -> Rule:
    return Rule(assumed_min * MINUTE_MS, longest_h * HOUR_MS)


_NUMBERS = {"window_days": (1, 60), "min_overlap_min": (0, 1440), "contacts_most": (1, 100_000)}


def read(file: Path) -> Rules:
    """What the file says; this release's own where there is no file.

    Raises:
        NotAProvince: it cannot be read, or something in it is wrong: file, key, value, and what is allowed, of all at once.
    """
    try:
        fields = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return Rules()
    except OSError as error:
        raise NotAProvince(f"{file}: cannot be read ({error.strerror}).") from None
    except ValueError as error:  # of TOML and of UTF-8
        raise NotAProvince(f"{file}: not TOML: {error}") from None
    problems: list[str] = []
    numbers = {
        key: _number(file, problems, key, fields.get(key, default), *_NUMBERS[key])
        for key, default in (("window_days", 21), ("min_overlap_min", 1), ("contacts_most", 5000))
    }
    second = fields.get("second_officer", False)
    if not isinstance(second, bool):
        problems.append(f"{file}: second_officer = {second!r}: allowed: true or false")
    kinds = _kinds(file, problems, fields.get("category", {}))
    allowed = [*_NUMBERS, "second_officer", "category"]
    problems += [f"{file}: {key}: no such key; allowed: {', '.join(allowed)}" for key in fields if key not in allowed]
    if problems:
        raise NotAProvince("\n".join(problems))
    return Rules(numbers["window_days"], numbers["min_overlap_min"] * MINUTE_MS, numbers["contacts_most"], bool(second), kinds)


def _number(file: Path, problems: list[str], key: str, value: object, least: int, most: int) -> int:
    if type(value) is int and least <= value <= most:
        return value
    problems.append(f"{file}: {key} = {value!r}: allowed: {least} to {most}")
    return least


def _kinds(file: Path, problems: list[str], tables: Any) -> dict[str, Rule]:
    if not isinstance(tables, dict):
        problems.append(f"{file}: category: not tables; allowed: [category.market] and the like")
        return {}
    found: dict[str, Rule] = {}
    for name, table in tables.items():
        where = f"category.{name}"
        if name not in list(Category) or not isinstance(table, dict):
            problems.append(f"{file}: {where}: no such category; allowed: tables called {', '.join(Category)}")
            continue
        strange = sorted(table.keys() - {"assumed_min", "longest_h"})
        problems += [f"{file}: {where}.{key}: no such key; allowed: assumed_min, longest_h" for key in strange]
        usual = _KINDS.get(name, _ELSEWHERE)
        assumed_min = _number(file, problems, f"{where}.assumed_min", table.get("assumed_min", usual[0]), 1, 1440)
        longest_h = _number(file, problems, f"{where}.longest_h", table.get("longest_h", usual[1]), 1, 336)
        if 2 * assumed_min > longest_h * 60:
            problems.append(f"{file}: {where}.longest_h = {longest_h}: allowed: at least twice assumed_min, which is {assumed_min}")
            continue
        found[name] = _rule(assumed_min, longest_h)
    return found
