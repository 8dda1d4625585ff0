"""A province's API as it is served: over TLS, asked by a program."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from ssl import create_default_context
from typing import Any

from province.api import clients
from province.api.app import Api
from province.api.clients import Client, Scope
from province.api.document import PATH
from province.base.clock import now_ms
from province.base.layout import Layout
from province.store import database
from province.web.serving import App, Place, Served

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Answered:
    """What the API said."""

    status: int
    kind: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class World:
    """A province with something in it, and its API, over TLS as it is used."""

    layout: Layout
    served: Served
    passed: dict[str, int] = field(default_factory=dict)

    def token(self, *scopes: Scope, org: str | None = None, name: str = "tool", days: int = 1) -> str:
        with closing(database.connect(self.layout.register)) as connection:
            if clients.find(connection, name) is not None:
                clients.revoke(connection, self.layout.register, name, now_ms())
            wanted = Client(name, frozenset(scopes), org, now_ms(), now_ms() + days * DAY_MS)
            return clients.add(connection, self.layout.register, wanted)

    def connected(self) -> closing[HTTPSConnection]:
        """A line for many questions."""
        context = create_default_context(cafile=str(self.layout.authority_certificate))
        return closing(HTTPSConnection("localhost", self.served.port, timeout=30, context=context))

    def ask(self, method: str, path: str, token: str = "", body: object = None, host: str | None = None) -> Answered:
        with self.connected() as at:
            return self.ask_on(at, method, path, token, body, host)

    def ask_on(
        self, at: HTTPSConnection, method: str, path: str, token: str = "", body: object = None, host: str | None = None
    ) -> Answered:
        headers = {"Host": host or f"localhost:{self.served.port}"} | ({"Authorization": f"Bearer {token}"} if token else {})
        at.request(method, path, body if isinstance(body, bytes) else None if body is None else json.dumps(body), headers)
        answer = at.getresponse()
        return Answered(answer.status, answer.headers["content-type"], answer.read())

    def get(self, path: str, token: str = "") -> Answered:
        return self.ask("GET", path, token)

    def json(self, path: str, token: str) -> Any:
        answer = self.get(PATH + path, token)
        assert (answer.status, answer.kind) == (200, "application/json"), answer.body
        return answer.json


@contextmanager
def serving(layout: Layout, now_s: Callable[[], float]) -> Iterator[Served]:
    """Serves it, by the seconds that it is told."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[App]:
        api = Api(layout, now_ms, now_s)
        try:
            yield api.app
        finally:
            api.close()

    served = Served("api", layout, Place("127.0.0.1", 0, ("127.0.0.1", "localhost")), layout.api, opened)
    served.start()
    try:
        yield served
    finally:
        served.stop()
        served.wait()


class Clockwork:
    """Monotonic seconds in which nobody asks too often."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 60.0
        return self.now_s
