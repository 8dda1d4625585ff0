"""Where alerts are told on to: `fleet-notices.toml`, read whole before any of it counts; every problem is told at once."""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from edge_agent.wire.topics import PROVINCE, is_name
from province.base.errors import NotAProvince
from province.watch.fleet_rules import Trouble

_LEAST_SECRET = 24
_COMMON = {"name", "org", "troubles", "after_s", "tell_end"}
_WEBHOOK = _COMMON | {"url", "secret_file", "ca_file", "plain_http"}
MAIL = {"server", "port", "security", "user", "password_file", "sender", "to", "ca_file", "language"}
_SECURITY = ("starttls", "tls", "none")
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")  # RFC 1035 section 2.3.4, and the underscore that networks of one's own have
_LONGEST_HOST = 253
_PLACE = re.compile(r"([a-z][a-z0-9+.-]*://)([^/?#@:]*(?::\d{1,5}(?!\d))?)(?=[/?#]|\Z)", re.ASCII | re.IGNORECASE)
_HIDDEN = "(not shown)"
Made = TypeVar("Made")


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
        NotAProvince: it cannot be read, or something in it is wrong: file, key, value, and what is allowed, of all at once. What is
            or may hold a secret is named without its value.
    """
    fields, reading = tables(file), Reading(file)
    sinks = [*reading.sinks(fields, "webhook", _webhook, _WEBHOOK), *reading.sinks(fields, "mail", mail, _COMMON | MAIL)]
    reading.finish(fields, ("webhook", "mail"), [sink.name for sink in sinks])
    return sinks


def tables(file: Path) -> dict[str, Any]:
    """What stands in a file; nothing where there is none.

    Raises:
        NotAProvince: it cannot be read.
    """
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise NotAProvince(f"{file}: cannot be read ({error.strerror}).") from None
    except ValueError as error:  # of TOML, of UTF-8, and of a number of thousands of digits
        raise NotAProvince(f"{file}: not TOML: {error}") from None


class Reading:
    """One file with the problems found so far; `take` reads a key of the table in hand."""

    def __init__(self, file: Path) -> None:
        self._file, self.problems = file, list[str]()
        self._where, self._table = "", dict[str, Any]()

    def finish(self, fields: Mapping[str, Any], kinds: Sequence[str], names: Sequence[str]) -> None:
        """Tells what was wrong, if anything was.

        Args:
            fields: of the whole file.
            kinds: the tables there may be.
            names: of all that was made.

        Raises:
            NotAProvince: all of it.
        """
        for key in fields.keys() - set(kinds):
            self.unknown(key, f"{' and '.join(f'[[{kind}]]' for kind in kinds)} alone")
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.wrong("name", name, "one of its own for each")
        if self.problems:
            raise NotAProvince("\n".join(self.problems))

    def wrong(self, key: str, value: object, allowed: str) -> None:
        """Notes a problem."""
        self.problems.append(f"{self._file}: {self._where}{key} = {_shown(key, value)}: allowed: {allowed}")

    def unknown(self, key: str, allowed: str) -> None:
        """Notes a key that is none; its value may be a password, and is not told."""
        self.problems.append(f"{self._file}: {self._where}{key if key.isprintable() else repr(key)}: no such key; allowed: {allowed}")

    def sinks(self, fields: Mapping[str, Any], kind: str, make: Callable[[Reading], Made], keys: AbstractSet[str]) -> Iterator[Made]:
        """Each table of a kind, with some keys, that has no problem."""
        tables = fields.get(kind, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.problems.append(f"{self._file}: {kind}: not a list of tables; allowed: [[{kind}]] before each")
            return
        for number, table in enumerate(tables, 1):
            before, self._where, self._table = len(self.problems), f"{kind}[{number}].", table
            for key in table.keys() - keys:
                self.unknown(key, ", ".join(sorted(keys)))
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

    def value(self, key: str) -> object:
        """What a key has, right or wrong."""
        return self._table.get(key)

    def has(self, key: str) -> bool:
        """Whether a key is there."""
        return key in self._table

    def secret(self, key: str) -> str:
        """The first line of the file that a key names."""
        named = self.take(key, str, None, "a file that holds it, readable by this service alone", bool)
        if not named:
            return ""
        path = Path(named)
        try:
            text = path.read_text("utf-8").strip()
            mode = path.stat().st_mode
        except (OSError, ValueError) as error:
            self.wrong(key, named, f"a file that can be read ({getattr(error, 'strerror', None) or 'not text'})")
            return ""
        if mode & 0o077:
            self.wrong(key, named, f"a file that nobody else may read: chmod 600 {path}")
        if not text:
            self.wrong(key, named, "a file that is not empty")
        return text

    def common(self) -> dict[str, Any]:
        """What every sink has."""
        troubles = self.take(
            "troubles", list, [], "a list of " + ", ".join(Trouble), lambda found: all(each in list(Trouble) for each in found)
        )
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


def _webhook(reading: Reading) -> Webhook:
    plain = reading.take("plain_http", bool, False, "true or false")

    url = reading.take(
        "url", str, None,
        "https://host[:1 to 65535]/… in ASCII (ü is %C3%BC, or xn--… in a host), with no user or fragment;"
        " http:// only with plain_http = true, for a network that is yours alone",
        lambda text: _is_url(text, plain),
    )  # fmt: skip
    secret = reading.secret("secret_file")
    if secret and len(secret) < _LEAST_SECRET:
        reading.wrong(
            "secret_file", reading.value("secret_file"), f"in it, at least {_LEAST_SECRET} characters, such as `openssl rand -hex 32` makes"
        )
    return Webhook(**reading.common(), url=url, secret=secret.encode(), ca_file=reading.authority())


def mail(reading: Reading) -> Mail:
    """A table `[[mail]]`."""
    server = reading.take("server", str, None, "a host's name in ASCII (xn--… for other letters), or its address", _is_host)
    security = reading.take("security", str, "starttls", ", ".join(_SECURITY), lambda word: word in _SECURITY)
    if security == "none" and not _is_here(server):
        reading.wrong("security", security, "starttls or tls; none only for a server on this machine")
    user = reading.take("user", str, "", "printable ASCII", _is_plain)
    password = reading.secret("password_file") if user or reading.has("password_file") else ""
    if not _is_plain(password):  # smtplib sends no other
        reading.wrong("password_file", reading.value("password_file"), "in it, one line of printable ASCII")
    ports = {"starttls": 587, "tls": 465, "none": 25}
    return Mail(
        **reading.common(),
        server=server,
        port=reading.take("port", int, ports.get(security, 587), "1 to 65535", lambda number: 1 <= number <= 65535),
        security=security,
        user=user,
        password=password,
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


def _shown(key: str, value: object) -> str:
    """A value as it may be told: a secret's file only where there is one (it may be the secret), of a URL scheme and host."""
    if key in {"secret_file", "password_file"} and value is not None:
        there = isinstance(value, str) and os.path.exists(value)  # noqa: PTH110 - Path's raises on a name too long
        return repr(value) if there else _HIDDEN
    if key == "url" and value is not None:
        found = _PLACE.match(value) if isinstance(value, str) and "@" not in value else None
        return repr(f"{found[1]}{found[2]}/…") if found else _HIDDEN
    return repr(value)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _is_url(text: str, plain: bool) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    if not _is_plain(text) or " " in text or not _is_host(parts.hostname or "") or port == 0:
        return False
    named = "@" not in parts.netloc and not parts.fragment
    return named and (parts.scheme == "https" or (parts.scheme == "http" and plain))


def _is_host(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        name = text.removesuffix(".")
        return len(name) <= _LONGEST_HOST and all(map(_LABEL.fullmatch, name.split(".")))


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_address(text: str) -> bool:
    name, _, host = text.rpartition("@")
    return bool(name) and bool(host) and text.isascii() and text.isprintable() and not set(text) & set(" ,;<>\"'()")
