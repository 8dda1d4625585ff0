"""Who asks for a page, as far as the network tells."""

from __future__ import annotations

import ipaddress

from starlette.requests import Request


def address_of(request: Request, *, proxied: bool) -> str:
    """An IPv4 address, or the network of an IPv6 one, which is one subscriber's. Source: RFC 6177.

    Args:
        request: theirs.
        proxied: whether a reverse proxy on this machine stands before us and says who asks (X-Forwarded-For).
    """
    if proxied:
        # the last, of the last line: a proxy may add one of its own below whatever the visitor sent
        given = (request.headers.getlist("x-forwarded-for") or [""])[-1].rpartition(",")[2].strip()[:60]
    else:
        given = "" if request.client is None else request.client.host
    try:
        address = ipaddress.ip_address(given)
    except ValueError:
        return "unknown"
    if address.version == 6 and address.ipv4_mapped is not None:  # as a socket for both tells who came by IPv4 (RFC 4291 2.5.5.2)
        address = address.ipv4_mapped
    return str(address) if address.version == 4 else str(ipaddress.ip_network(f"{address}/64", strict=False))
