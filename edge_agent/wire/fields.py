"""Takes typed, bounded fields out of a decoded CBOR map, saying which one is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from typing import TypeVar

from edge_agent.wire.cbor import Malformed

Choice = TypeVar("Choice", bound=StrEnum)
INT64_MAX = 2**63 - 1


class Fields:
    """A decoded map with integer keys, read field by field.

    Args:
        value: what was decoded, untrusted.
        what: the name of the map, for messages.

    Raises:
        Malformed: value is not a map whose keys are unsigned integers.

    Every method raises Malformed when the field is absent (unless optional) or of another type or size.

    Example:
        >>> Fields({1: "chợ"}, "site").text(1, "name", 10)
        'chợ'
    """

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, Mapping) or not all(type(key) is int and key >= 0 for key in value):
            raise Malformed(f"{what}: not a map with unsigned integer keys")
        self._map: Mapping[int, object] = value
        self._what = what

    def __contains__(self, key: int) -> bool:
        return key in self._map

    def _wrong(self, name: str, wanted: str) -> Malformed:
        return Malformed(f"{self._what}: field {name!r} must be {wanted}")

    def value(self, key: int) -> object:
        """The raw value, None when absent."""
        return self._map.get(key)

    def text(self, key: int, name: str, most: int) -> str:
        """Text of 1 to `most` characters."""
        value = self._map.get(key)
        if not isinstance(value, str) or not 1 <= len(value) <= most:
            raise self._wrong(name, f"text of 1 to {most} characters")
        return value

    def optional_text(self, key: int, name: str, most: int) -> str | None:
        """Text of 1 to `most` characters, or None when absent."""
        return self.text(key, name, most) if key in self._map else None

    def number(self, key: int, name: str, least: int = 0, most: int = INT64_MAX) -> int:
        """A whole number between `least` and `most`."""
        value = self._map.get(key)
        if type(value) is not int or not least <= value <= most:
            raise self._wrong(name, f"a whole number from {least} to {most}")
        return value

    def octets(self, key: int, name: str, least: int, most: int | None = None) -> bytes:
        """A byte string of `least` (exactly, or up to `most`) bytes."""
        value = self._map.get(key)
        if not isinstance(value, bytes) or not least <= len(value) <= (least if most is None else most):
            raise self._wrong(name, f"{least} bytes" if most is None else f"{least} to {most} bytes")
        return value

    def choice(self, key: int, name: str, kind: type[Choice]) -> Choice:
        """One member of an enumeration, written as its text."""
        value = self._map.get(key)
        if isinstance(value, str):
            with suppress(ValueError):
                return kind(value)
        raise self._wrong(name, "one of " + ", ".join(kind))

    def items(self, key: int, name: str, most: int) -> list[object]:
        """A list of at most `most` items."""
        value = self._map.get(key)
        if not isinstance(value, list) or len(value) > most:
            raise self._wrong(name, f"a list of at most {most} items")
        return value
