"""Where the broker is, as somebody writes it on the command line."""

from __future__ import annotations

from province.base.errors import NotAProvince


def broker_address(text: str | None, default: tuple[str, int]) -> tuple[str, int]:
    """Takes HOST:PORT apart.

    Raises:
        NotAProvince: it is not of that form.

    Example:
        >>> broker_address("[::1]:8883", ("localhost", 1)), broker_address(None, ("localhost", 8883))
        (('::1', 8883), ('localhost', 8883))
    """
    if text is None:
        return default
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise NotAProvince(f"--broker {text!r}: write it as HOST:PORT, such as mqtt.example.vn:8883.")
    return host.removeprefix("[").removesuffix("]"), int(port)
