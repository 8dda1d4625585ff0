"""Reads the TOML of a configuration, and refuses in words what is none: the same at the desk that sends it and on the device.

Source: TOML 1.0; whole numbers of 64 bits, as it says of them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

_DEEPEST = 4  # the overlay, its lanes, one lane, and one more that is refused by its key


class BadText(ValueError):
    """Not a configuration's text; the message lists every problem, one a line."""


def tables(text: str, source: object) -> dict[str, Any]:
    """The tables of a text.

    Args:
        text: TOML.
        source: the file, for messages.

    Raises:
        BadText: not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadText(f"{source}: not TOML: {error}") from None
    except RecursionError:
        raise BadText(f"{source}: not TOML: nested too deep") from None
    except ValueError:  # Python reads no number of more than 4300 digits, and no 30 February
        raise BadText(f"{source}: not TOML: a number is too long, or a date is none") from None


def wanted(text: str, source: object) -> dict[str, Any]:
    """The tables of what is to be set from afar; `-` is none.

    Raises:
        BadText: not TOML, or with values that nothing can be set to; each problem names the source and the key.
    """
    if text.strip() == "-":
        return {}
    found = tables(text, source)
    if problems := unfit(found):
        raise BadText("\n".join(f"{source}: {problem}" for problem in problems))
    return found


def unfit(tables: Mapping[str, Any]) -> list[str]:
    """The values that no setting has and JSON cannot carry: dates, times, nan, inf, numbers beyond 64 bits, what is nested too deep.

    Args:
        tables: as TOML has them.

    Example:
        >>> unfit({"gate": {"held_s": float("nan"), "repeat_s": 2.0}})
        ['gate.held_s: is not a number that can be set']
    """
    return list(_unfit("", tables, _DEEPEST))


def _unfit(where: str, value: object, deeper: int) -> Iterator[str]:
    if isinstance(value, dict | list):
        if not deeper:
            yield f"{where}: nested too deep"
            return
        parts = ((f"{where}.{key}" if where else key, each) for key, each in value.items()) if isinstance(value, dict) else (
            (f"{where}[{place}]", each) for place, each in enumerate(value)
        )  # fmt: skip
        for part, each in parts:
            yield from _unfit(part, each, deeper - 1)
    elif isinstance(value, float):
        if not isfinite(value):
            yield f"{where}: is not a number that can be set"
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            yield f"{where}: a number beyond 64 bits"
    elif not isinstance(value, str):
        yield f"{where}: dates and times cannot be set as such; write text, in quotation marks"
