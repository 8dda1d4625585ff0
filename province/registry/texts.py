"""Names and addresses as the registry keeps them, and what is wrong with what somebody would register."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge_agent.wire.topics import NAME_RULE, PROVINCE, is_name

CHECKIN = "checkin"  # the organisation of the check-in pages
_RESERVED = frozenset({PROVINCE, CHECKIN})


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that cannot be.

    Attributes:
        field: whose it is, as our types name it.
        said: what is allowed instead.
        value: what was given, where it helps to see it.
    """

    field: str
    said: str
    value: str | None = None

    def __str__(self) -> str:
        value = "" if self.value is None else f" {self.value!r}"
        return f"--{self.field.replace('_', '-')}{value}: {self.said}"


class Faulty(ValueError):
    """What somebody would register cannot be; all that is wrong with it, not only the first."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(map(str, self.faults)))


def refuse(faults: Iterable[Fault]) -> None:
    """Lets pass what has no faults.

    Raises:
        Faulty: there are some.
    """
    if found := tuple(faults):
        raise Faulty(found)


def tidy(text: str) -> str:
    """A text in one Unicode form (NFC), without white space around it."""
    return unicodedata.normalize("NFC", text).strip()


def unreadable(field: str, text: str | None, most: int) -> Iterator[Fault]:
    """A text that cannot be shown: empty, longer than `most` characters, or with characters that nobody sees. None is no text."""
    if text is not None and not (1 <= len(text) <= most and text.isprintable()):
        yield Fault(field, f"must be 1 to {most} printable characters")


def unnameable(field: str, text: str, *, reserved: bool = True) -> Iterator[Fault]:
    """A short name that cannot be one.

    Args:
        field: whose it is.
        text: the short name.
        reserved: the province's own names are not allowed either.
    """
    if not is_name(text) or (reserved and text in _RESERVED):
        yield Fault(field, f"must be {NAME_RULE}" + (f", and not {PROVINCE!r} or {CHECKIN!r}" if reserved else ""), text)
