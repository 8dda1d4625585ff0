"""What an endpoint is: where, who may, what it takes and says. The routes and the OpenAPI document are both made from these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from province.api.clients import Client, Scope
from province.base.layout import Layout
from province.store.opened import Connection


class Refusal(Exception):
    """A request is answered with a problem: HTTP's status, and why, for the program's author."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of the address, or of the query.

    Attributes:
        name: as it is written.
        kind: msgspec's type of its value, by which it is read and checked.
        words: for people.
        in_path: else it is in the query, and may be absent.
    """

    name: str
    kind: Any
    words: str
    in_path: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was believed.

    Attributes:
        layout: the province.
        connection: the register, for this request alone.
        client: who asks.
        now_ms: milliseconds since 1970 UTC.
        given: the parameters that were given, by name, read as their kind.
        body: what was sent, read as the endpoint's `takes`.
    """

    layout: Layout
    connection: Connection
    client: Client
    now_ms: int
    given: Mapping[str, Any]
    body: Any = None

    def for_org(self) -> str | None:
        """The one organisation whose things may be said: the client's own, or the one asked for; None: all.

        Raises:
            Refusal: another's were asked for.
        """
        wanted: str | None = self.given.get("org")
        if self.client.org is not None and wanted not in {None, self.client.org}:
            raise Refusal(403, f"this token sees organisation {self.client.org} alone")
        return wanted or self.client.org


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing that can be asked.

    Attributes:
        method: GET or POST.
        path: below the version, with `{name}` for a part.
        words: for people.
        scope: who may.
        says: the type of what is answered.
        answer: finds it, in a thread.
        takes: the type of the body; None takes none.
        status: of an answer that went well.
        refusals: which others there may be beside 400, 401, 403, 429 and 503, and when.
    """

    method: str
    path: str
    words: str
    scope: Scope
    says: Any
    answer: Callable[[Asked], msgspec.Struct]
    parameters: tuple[Parameter, ...] = ()
    takes: Any = None
    status: int = 200
    refusals: Mapping[int, str] = field(default_factory=dict)
