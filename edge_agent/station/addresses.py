"""This machine's own addresses on private networks, and which peers are neighbours. IPv4, asked of the kernel without a netlink socket.

The agent's sandbox has no AF_NETLINK, which `getifaddrs` needs; SIOCGIFCONF (netdevice(7)) works on any IPv4 socket.
"""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from array import array
from dataclasses import dataclass

_SIOCGIFCONF = 0x8912
_MOST = 64
_IFREQ_BYTES = 16 + (24 if struct.calcsize("P") == 8 else 16)  # struct ifreq: a name, and the largest member of its union
_ADDRESS_AT = 16 + 4  # behind the name, the family and the port of a sockaddr_in
_NEIGHBOURS = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8")))


def own_addresses() -> tuple[str, ...]:
    """The private IPv4 addresses of this machine but for loopback, sorted; none while there is no network.

    Raises:
        OSError: the kernel does not say.
    """
    room = array("B", bytes(_MOST * _IFREQ_BYTES))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        answer = fcntl.ioctl(asked.fileno(), _SIOCGIFCONF, struct.pack("iP", len(room), room.buffer_info()[0]))
    filled = struct.unpack("iP", answer)[0]
    heads = range(0, filled, _IFREQ_BYTES)
    found = {socket.inet_ntoa(room[at + _ADDRESS_AT : at + _ADDRESS_AT + 4].tobytes()) for at in heads}
    return tuple(sorted(address for address in found if is_neighbour(address) and not address.startswith("127.")))


def is_ours(host: str, name: str) -> bool:
    """Whether a Host header names this device: by its own name or by an address, with or without a port.

    An address cannot be rebound (there is no name in it); of names only our own counts.

    Example:
        >>> [is_ours(host, "gate-3f9a.local") for host in ("gate-3f9a.local:8443", "192.168.1.7:8443", "evil.example:8443", "")]
        [True, True, False, False]
    """
    bare = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and ":" in host else host
    if bare.lower().rstrip(".") == name:
        return True
    try:
        ipaddress.IPv4Address(bare)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class OwnHosts:
    """Every value of Host that names this device.

    Attributes:
        name: its own, as phones find it.
    """

    name: str

    def __contains__(self, host: object) -> bool:
        return isinstance(host, str) and is_ours(host, self.name)


def is_neighbour(address: str) -> bool:
    """Whether an address is of a private network (RFC 1918), link-local (RFC 3927), or this machine itself.

    Example:
        >>> [is_neighbour(address) for address in ("192.168.1.7", "169.254.3.4", "127.0.0.1", "8.8.8.8", "100.64.0.1", "nonsense")]
        [True, True, True, False, False, False]
    """
    try:
        parsed = ipaddress.IPv4Address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _NEIGHBOURS)
