"""What the API says and takes, as types: the OpenAPI document is made from them, and what comes in is checked against them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from province.registry.categories import Category
from province.registry.organisations import Sector
from province.registry.units import Level

Milliseconds = Annotated[int, Meta(ge=0, lt=4_102_444_800_000, description="milliseconds since 1970-01-01 UTC, before the year 2100")]
Name = Annotated[str, Meta(pattern="^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$", description="short name: 1 to 40 of a-z, 0-9 and -")]
Day = Annotated[date, Meta(description="a day in Vietnam")]
_Text = Annotated[str, Meta(min_length=1, max_length=200)]


class UnitShape(msgspec.Struct, frozen=True):
    """An administrative unit."""

    id: Name
    level: Level
    name: str
    parent: str | None
    closed_ms: Milliseconds | None


class OrganisationShape(msgspec.Struct, frozen=True):
    """An organisation."""

    id: Name
    name: str
    unit: str | None
    parent: str | None
    sector: Sector
    closed_ms: Milliseconds | None


class SiteShape(msgspec.Struct, frozen=True):
    """A registered place."""

    id: Name
    org: Name
    name: str
    category: Category
    address: str
    gates: list[str]
    unit: str | None
    plate: str | None
    route: str | None
    begins_ms: Milliseconds | None
    ends_ms: Milliseconds | None
    registered_ms: Milliseconds
    closed_ms: Milliseconds | None
    monitored_by: str | None
    code: Annotated[str, Meta(description="the letters of the site code that is on the poster")]


class NewSite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place to register."""

    id: Name
    org: Name
    name: _Text
    category: Category
    address: _Text
    gates: Annotated[list[_Text], Meta(min_length=1, max_length=50)]
    unit: Name | None = None
    plate: _Text | None = None
    route: _Text | None = None
    begins_ms: Milliseconds | None = None
    ends_ms: Milliseconds | None = None
    monitored_by: Name | None = None
    anyway: Annotated[bool, Meta(description="register it although the same place seems to be registered")] = False


class CountShape(msgspec.Struct, frozen=True):
    """Passages of one registered place on one day."""

    org: Name
    site: Annotated[Name, Meta(description="its id")]
    read_in: Annotated[int, Meta(ge=0, description="came in, read by a scanner")]
    paper_in: Annotated[int, Meta(ge=0, description="came in, declared on paper")]
    self_in: Annotated[int, Meta(ge=0, description="came in, by the place's code with a phone of their own")]
    outs: Annotated[int, Meta(ge=0, description="went out, in any way")]


class DeviceShape(msgspec.Struct, frozen=True):
    """A scanner and how it is."""

    org: Name
    device: Name
    site: str
    gate: str
    status: Annotated[str, Meta(description="active or revoked")]
    online: bool
    heard_ms: Milliseconds | None
    software: str | None
    backlog: Annotated[int, Meta(ge=0)] | None
    troubles: list[str]


class AlertShape(msgspec.Struct, frozen=True):
    """Something wrong with a scanner, that is not over."""

    number: int
    org: Name
    device: Name
    trouble: str
    raised_ms: Milliseconds
    acknowledged_ms: Milliseconds | None


class Problem(msgspec.Struct, frozen=True):
    """Why a request was not answered with what was asked for (RFC 9457)."""

    title: str
    status: int
    detail: str
