"""Lists a page at a time: each page begins after the last of the one before, so that nothing is told twice or left out meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from msgspec import Meta

from province.api.endpoints import Asked, Parameter
from province.api.shapes import Name

MOST = 1000
_USUAL = 200
_NAME = "[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?"
_Limit = Annotated[int, Meta(ge=1, le=MOST)]
_DeviceId = Annotated[str, Meta(pattern=f"^{_NAME}/{_NAME}$", description="a scanner: its organisation, `/`, its own name")]
AFTER = Parameter("after", Name, "only those whose id comes after this one: `next` of the page before")
AFTER_DEVICE = Parameter("after", _DeviceId, "only those that come after this one: `next` of the page before")
LIMIT = Parameter("limit", _Limit, f"at most so many; {_USUAL} where it is not said")
_One = TypeVar("_One")


def wanted(asked: Asked) -> int:
    """How many to look for: one more than a page has, which tells whether there is another."""
    return int(asked.given.get("limit", _USUAL)) + 1


def page(asked: Asked, found: Sequence[_One], name: Callable[[_One], str]) -> tuple[list[_One], str | None]:
    """A page of what was found, and what to give as `after` for the next; None after the last."""
    limit = wanted(asked) - 1
    return list(found[:limit]), name(found[limit - 1]) if len(found) > limit else None
