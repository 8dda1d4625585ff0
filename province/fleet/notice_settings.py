"""Where alerts are told on to: `fleet-notices.toml`, read whole before any of it counts; every problem is told at once."""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edge_agent.topics import PROVINCE, is_name
from province.errors import NotAProvince
from province.fleet_rules import Trouble

_LEAST_SECRET = 24
_COMMON = {"name", "org", "troubles", "after_s", "tell_end"}
_WEBHOOK = _COMMON | {"url", "secret_file", "ca_file", "plain_http"}
_MAIL = _COMMON | {"server", "port", "security", "user", "password_file", "sender", "to", "ca_file", "language"}
_SECURITY = ("starttls", "tls", "none")


@dataclass(frozen=True, slots=True)
class Sink:
    """One place that is told.

    Attributes:
        name: in logs, and what is remembered as told.
        org: only this organisation's alerts; None: all.
        troubles: only these.
        after_s: an alert that is over sooner is not told.
        tell_end: whether it is told when an alert is over.
    """

    name: str
    org: str | None
    troubles: frozenset[Trouble]
    after_s: int
    tell_end: bool


@dataclass(frozen=True, slots=True)
class Webhook(Sink):
    """A place told by HTTP POST, signed with `secret`."""

    url: str = ""
    secret: bytes = field(default=b"", repr=False)
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Mail(Sink):
    """A place told by e-mail."""

    server: str = ""
    port: int = 587
    security: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    sender: str = ""
    to: tuple[str, ...] = ()
    ca_file: Path | None = None
    language: str = "vi"


def read(file: Path) -> list[Sink]:
    """What a file says; none where there is no file.

    Raises:
        NotAProvince: it cannot be read, or something in it is wrong: file, key, value, and what is allowed, of all at once.
    """
    try:
        fields = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise NotAProvince(f"{file}: cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise NotAProvince(f"{file}: not TOML: {error}") from None
    reading = _Reading(file)
    sinks = [*reading.sinks(fields, "webhook", _webhook), *reading.sinks(fields, "mail", _mail)]
    for key in fields.keys() - {"webhook", "mail"}:
        reading.wrong(key, fields[key], "[[webhook]] and [[mail]] alone")
    names = [sink.name for sink in sinks]
    for name in {name for name in names if names.count(name) > 1}:
        reading.wrong("name", name, "one of its own for each")
    if reading.problems:
        raise NotAProvince("\n".join(reading.problems))
    return sinks


class _Reading:
    """One file with the problems found so far; `take` reads a key of the table in hand."""

    def __init__(self, file: Path) -> None:
        self._file, self.problems = file, list[str]()
        self._where, self._table = "", dict[str, Any]()

    def wrong(self, key: str, value: object, allowed: str) -> None:
        """Notes a problem."""
        self.problems.append(f"{self._file}: {self._where}{key} = {value!r}: allowed: {allowed}")

    def sinks(self, fields: Mapping[str, Any], kind: str, make: Callable[[_Reading], Sink]) -> Iterator[Sink]:
        """Each table of a kind that has no problem."""
        tables = fields.get(kind, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.wrong(kind, tables, f"[[{kind}]] tables")
            return
        for number, table in enumerate(tables, 1):
            before, self._where, self._table = len(self.problems), f"{kind}[{number}].", table
            for key in table.keys() - (_WEBHOOK if kind == "webhook" else _MAIL):
                self.wrong(key, table[key], "not a key of it; " + ", ".join(sorted(_WEBHOOK if kind == "webhook" else _MAIL)))
            made = make(self)
            self._where = ""
            if len(self.problems) == before:
                yield made

    def take(self, key: str, kind: type, default: Any, allowed: str, fits: Callable[[Any], bool] = lambda _value: True) -> Any:
        """A value; the default where it is wrong or missing, and a problem where there is no default (None)."""
        value = self._table.get(key, default)
        if value is None or type(value) is not kind or not fits(value):
            self.wrong(key, value, allowed)
            return default if default is not None else kind()
        return value

    def has(self, key: str) -> bool:
        """Whether a key is there."""
        return key in self._table

    def secret(self, key: str) -> str:
        """The first line of the file that a key names."""
        path = Path(self.take(key, str, None, "a file that holds it, readable by this service alone"))
        try:
            text = path.read_text("utf-8").strip()
            mode = path.stat().st_mode
        except (OSError, UnicodeDecodeError) as error:
            self.wrong(key, str(path), f"a file that can be read ({getattr(error, 'strerror', 'not text')})")
            return ""
        if mode & 0o077:
            self.wrong(key, str(path), f"a file that nobody else may read: chmod 600 {path}")
        return text

    def common(self) -> dict[str, Any]:
        """What every sink has."""
        troubles = self.take("troubles", list, [], "a list of " + ", ".join(Trouble), lambda found: set(found) <= set(Trouble))
        org = self.take("org", str, "", "an organisation's name", lambda text: not text or (is_name(text) and text != PROVINCE))
        return {
            "name": self.take("name", str, None, "1 to 40 printable characters", lambda text: text.isprintable() and 1 <= len(text) <= 40),
            "org": org or None,
            "troubles": frozenset(map(Trouble, troubles)) or frozenset(Trouble),
            "after_s": self.take("after_s", int, 60, "0 to 86400 seconds", lambda count: 0 <= count <= 86_400),
            "tell_end": self.take("tell_end", bool, True, "true or false"),
        }

    def authority(self) -> Path | None:
        """The certificates to trust, None for the system's."""
        if not self.has("ca_file"):
            return None
        path = Path(self.take("ca_file", str, None, "a PEM file"))
        if not path.is_file():
            self.wrong("ca_file", str(path), "a PEM file that is there")
        return path


def _webhook(reading: _Reading) -> Webhook:
    plain = reading.take("plain_http", bool, False, "true or false")

    def fits(text: str) -> bool:
        parts = urlsplit(text)
        named = bool(parts.hostname) and "@" not in parts.netloc and not parts.fragment
        return named and (parts.scheme == "https" or (parts.scheme == "http" and plain))

    url = reading.take("url", str, None, "https://…; http:// only with plain_http = true, for a network that is yours alone", fits)
    secret = reading.secret("secret_file")
    if secret and len(secret) < _LEAST_SECRET:
        reading.wrong("secret_file", "its content", f"at least {_LEAST_SECRET} characters, such as `openssl rand -hex 32` makes")
    return Webhook(**reading.common(), url=url, secret=secret.encode(), ca_file=reading.authority())


def _mail(reading: _Reading) -> Mail:
    server = reading.take("server", str, None, "a host", lambda text: bool(text) and not text.isspace())
    security = reading.take("security", str, "starttls", ", ".join(_SECURITY), lambda word: word in _SECURITY)
    if security == "none" and not _is_here(server):
        reading.wrong("security", security, "starttls or tls; none only for a server on this machine")
    user = reading.take("user", str, "", "text")
    ports = {"starttls": 587, "tls": 465, "none": 25}
    return Mail(
        **reading.common(),
        server=server,
        port=reading.take("port", int, ports.get(security, 587), "1 to 65535", lambda number: 1 <= number <= 65535),
        security=security,
        user=user,
        password=reading.secret("password_file") if user or reading.has("password_file") else "",
        sender=reading.take("sender", str, None, "an address", _is_address),
        to=tuple(
            reading.take(
                "to", list, None, "a list of 1 to 20 addresses",
                lambda many: 1 <= len(many) <= 20 and all(isinstance(one, str) and _is_address(one) for one in many),
            )
        ),
        ca_file=reading.authority(),
        language=reading.take("language", str, "vi", "vi or en", lambda word: word in ("vi", "en")),
    )  # fmt: skip


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_address(text: str) -> bool:
    name, _, host = text.rpartition("@")
    return bool(name) and bool(host) and text.isascii() and text.isprintable() and not set(text) & set(" ,;<>\"'()")
