"""Reads driver URLs (`scheme:path?key=value`) against a table of options, and names everything wrong with one at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from drivers.errors import BadUrl

Value = int | float | str | bool | tuple[int, int] | tuple[int, int, int, int] | None
Kind = Literal["integer", "number", "choice", "size", "box", "flag"]

_WHOLE = re.compile(r"-?[0-9]{1,10}")
_DECIMAL = re.compile(r"-?[0-9]{1,10}(\.[0-9]{1,10})?")
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
_BOX = re.compile(r"([0-9]{1,2}),([0-9]{1,2}),([0-9]{1,3}),([0-9]{1,3})")


@dataclass(frozen=True, slots=True)
class Option:
    """One `key=value` a driver understands.

    Attributes:
        name: the key, and the driver's argument of the same name.
        kind: what the value looks like; `size` is `1280x720`, `box` is `left,top,width,height` in percent, `flag` is 0 or 1.
        default: the value when the key is absent; None means "not there".
        doc: one line saying what it does.
        low: the smallest number allowed (for a size or box: of either side).
        high: the largest number allowed (for a size: of either side).
        choices: the words allowed when kind is `choice`.
        is_pin: whether the value is the BCM number of a pin.
    """

    name: str
    kind: Kind
    default: Value
    doc: str
    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()
    is_pin: bool = False

    def allowed(self) -> str:
        """Says in words which values are allowed."""
        match self.kind:
            case "flag":
                return "0 or 1"
            case "choice":
                return "one of " + ", ".join(self.choices)
            case "size":
                return f"WIDTHxHEIGHT in even pixels from {_plain(self.low)} to {_plain(self.high)}, like 1280x720"
            case "box":
                return f"LEFT,TOP,WIDTH,HEIGHT in percent of the view, sides from {_plain(self.low)}, like 25,20,50,60"
            case "integer":
                return f"a whole number from {_plain(self.low)} to {_plain(self.high)}"
            case "number":
                return f"a number from {_plain(self.low)} to {_plain(self.high)}"

    def read(self, text: str) -> Value:
        """Turns the text after `=` into a value.

        Raises:
            ValueError: the text is malformed or out of bounds.
        """
        value: Value = None
        if self.kind == "flag" and text in {"0", "1"}:
            return text == "1"
        if self.kind == "choice" and text in self.choices:
            value = text
        elif self.kind == "size" and (size := _SIZE.fullmatch(text)):
            width, height = int(size[1]), int(size[2])
            fits = all(self.low <= side <= self.high and side % 2 == 0 for side in (width, height))
            value = (width, height) if fits else None
        elif self.kind == "box" and (box := _BOX.fullmatch(text)):
            left, top, width, height = (int(part) for part in box.groups())
            fits = min(width, height) >= self.low and left + width <= 100 and top + height <= 100
            value = (left, top, width, height) if fits else None
        elif (self.kind == "integer" and _WHOLE.fullmatch(text)) or (self.kind == "number" and _DECIMAL.fullmatch(text)):
            number = int(text) if self.kind == "integer" else float(text)
            value = number if self.low <= number <= self.high else None
        if value is None:
            raise ValueError(self.allowed())
        return value


def _plain(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else str(bound)


def _nothing_more(_values: Mapping[str, Value]) -> list[str]:
    return []


def _no_pins(_values: Mapping[str, Value]) -> Mapping[int, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Scheme:
    """One driver as its URL shows it.

    Attributes:
        name: what stands before the colon.
        doc: one line saying what the driver is for.
        factory: `module:callable`, imported only when the device is opened; takes the path and the options by name.
        options: everything that may stand after `?`.
        path: the factory's argument that takes what stands between `:` and `?`; empty when nothing may stand there.
        example: a URL that works.
        agree: looks at all values together and returns what is wrong between them.
        fixed_pins: the header's pins that those values use without naming them, BCM number to part, for example of a bus.
    """

    name: str
    doc: str
    factory: str
    options: tuple[Option, ...] = ()
    path: str = ""
    example: str = ""
    agree: Callable[[Mapping[str, Value]], list[str]] = _nothing_more
    fixed_pins: Callable[[Mapping[str, Value]], Mapping[int, str]] = _no_pins


@dataclass(frozen=True, slots=True)
class DriverUrl:
    """A URL that has been understood: `arguments` are exactly what the scheme's factory takes."""

    url: str
    scheme: Scheme
    arguments: Mapping[str, Value]


def parse(url: str, schemes: tuple[Scheme, ...], device: str = "driver") -> DriverUrl:
    """Reads a URL.

    Args:
        url: `scheme:path?key=value&key=value`; `%3F` and the like stand for signs that have a meaning here.
        schemes: the drivers to choose from.
        device: what to call them in the message, for example `camera`.

    Raises:
        BadUrl: names the URL and every key and value that is wrong with what is allowed instead.

    Example:
        >>> lamp = Scheme("lamp", "A lamp.", "lamps:Lamp", (Option("pin", "integer", 17, "BCM number.", 0, 27),))
        >>> dict(parse("lamp:?pin=22", (lamp,)).arguments)
        {'pin': 22}
        >>> parse("lamp:?pin=99", (lamp,))
        Traceback (most recent call last):
        drivers.errors.BadUrl: 'lamp:?pin=99': pin='99' is not allowed, give a whole number from 0 to 27
    """
    name, colon, rest = url.partition(":")
    scheme = next((known for known in schemes if known.name == name), None)
    if scheme is None or not colon:
        known_names = ", ".join(f"{known.name}:" for known in schemes)
        raise BadUrl(f"{url!r}: there is no {device} {name!r}, a {device} URL begins with one of {known_names}")
    path, _, query = rest.partition("?")
    arguments: dict[str, Value] = {option.name: option.default for option in scheme.options}
    problems = _read_path(unquote(path), scheme, arguments) + _read_options(query, scheme, arguments)
    problems = problems or scheme.agree(arguments)
    if problems:
        raise BadUrl(f"{url!r}: " + "; ".join(problems))
    return DriverUrl(url, scheme, arguments)


def _read_path(path: str, scheme: Scheme, arguments: dict[str, Value]) -> list[str]:
    if scheme.path and (not path or "\0" in path):
        return [f"name the {scheme.path} after the colon, for example {scheme.example}"]
    if path and not scheme.path:
        return [f"{path!r} after the colon is not allowed, give options only, for example {scheme.example}"]
    if scheme.path:
        arguments[scheme.path] = path
    return []


def _read_options(query: str, scheme: Scheme, arguments: dict[str, Value]) -> list[str]:
    options = {option.name: option for option in scheme.options}
    problems: list[str] = []
    seen: set[str] = set()
    for pair in query.split("&") if query else ():
        key, _, text = (unquote(part) for part in pair.partition("="))
        if key not in options:
            near = difflib.get_close_matches(key, options, n=1)
            hint = f"did you mean {near[0]}?" if near else "the options are " + (", ".join(options) or "none")
            problems.append(f"{key}={text!r}: there is no option {key!r}, {hint}")
        elif key in seen:
            problems.append(f"{key}={text!r}: {key} is given twice, give it once")
        else:
            try:
                arguments[key] = options[key].read(text)
            except ValueError as allowed:
                problems.append(f"{key}={text!r} is not allowed, give {allowed}")
        seen.add(key)
    return problems
