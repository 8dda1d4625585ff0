"""Where the broker is, as somebody writes it on the command line."""

from __future__ import annotations

from collections.abc import Sequence

from province.base.errors import NotAProvince

AMQPS_PORT = 5671


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
    address = _taken_apart(text)
    if address is None:
        raise NotAProvince(f"--broker {text!r}: write it as HOST:PORT, such as mqtt.example.vn:8883.")
    return address


def broker_addresses(text: str | None, default: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Takes HOST:PORT,HOST:PORT… apart: the nodes of a cluster.

    Raises:
        NotAProvince: one is not of that form.
    """
    return list(default) if text is None else [broker_address(part, ("", 0)) for part in text.split(",")]


def amqp_addresses(text: str) -> list[tuple[str, int]]:
    """Takes amqps://HOST:PORT,HOST:PORT… apart; without a port it is 5671, as the scheme has it.

    Raises:
        NotAProvince: it is not of that form.

    Example:
        >>> amqp_addresses("amqps://mq1.example.vn,mq2.example.vn:5672,[::1]")
        [('mq1.example.vn', 5671), ('mq2.example.vn', 5672), ('::1', 5671)]
    """
    scheme, _, nodes = text.partition("://")
    found = [_taken_apart(node) or _taken_apart(f"{node}:{AMQPS_PORT}") for node in nodes.removesuffix("/").split(",")]
    addresses = [address for address in found if address is not None and not set("/@?#") & set(address[0])]
    if scheme != "amqps" or len(addresses) < len(found):
        raise NotAProvince(
            f"--amqp {text!r}: write it as amqps://HOST:PORT,HOST:PORT, such as amqps://mq1.example.vn,mq2.example.vn,mq3.example.vn. "
            "Who we are is told by the collector's certificate; without TLS nothing is sent."
        )
    return addresses


def _taken_apart(text: str) -> tuple[str, int] | None:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        return None
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        return None
    return host.removeprefix("[").removesuffix("]"), int(port)
