"""Makes the page found by name: `NAME.local` in multicast DNS, and as an https service. Source: RFC 6762, RFC 6763; decision 0083."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from contextlib import suppress

from zeroconf import Error, IPVersion, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

log = logging.getLogger(__name__)
_TYPE = "_https._tcp.local."
logging.getLogger("zeroconf").setLevel(logging.CRITICAL + 1)  # or whoever sends it nonsense fills our log; what counts we say ourselves


class Announcer:
    """Answers for one name at the addresses this machine has now; belongs to the page's event loop.

    Args:
        host: the name, `gate-3f9a.local`.
        port: of the page.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._at: tuple[str, ...] = ()
        self._responder: AsyncZeroconf | None = None
        self._told = ""

    async def at(self, addresses: Sequence[str]) -> None:
        """Answers at these addresses from now on; what fails is said once and tried again at the next call."""
        addresses = [address for address in addresses if _is_here(address)]  # the library leaves sockets open on one that is not
        if tuple(addresses) == self._at:
            return
        await self.stop()
        if not addresses:
            return
        try:
            # Addresses and not interfaces are named: those would be looked up over a netlink socket, which the sandbox has not.
            self._responder = AsyncZeroconf(interfaces=list(addresses), ip_version=IPVersion.V4Only)
            info = ServiceInfo(
                _TYPE,
                f"{self._host.removesuffix('.local')}.{_TYPE}",
                addresses=[socket.inet_aton(address) for address in addresses],
                port=self._port,
                server=f"{self._host}.",
            )
            await self._responder.async_register_service(info, allow_name_change=True)
        except (OSError, Error) as error:
            await self.stop()
            self._tell(f"station page: {self._host} is announced to nobody ({_why(error)}); it answers at {', '.join(addresses)}")
            return
        self._at, self._told = tuple(addresses), ""

    async def stop(self) -> None:
        """Says goodbye."""
        responder, self._responder, self._at = self._responder, None, ()
        if responder is not None:
            with suppress(OSError, Error):
                await responder.async_close()

    def _tell(self, line: str) -> None:
        if line != self._told:
            self._told = line
            log.warning("%s", line)


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _is_here(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
        try:
            tried.bind((address, 0))
        except OSError:
            return False
    return True
