"""Serves pages: over TLS with a certificate of the province's own authority, or on loopback behind a reverse proxy."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from cryptography import x509

from edge_agent.serving.guard import Guard
from edge_agent.serving.server import Loop, Server, tls
from province.base.errors import NotAProvince, ProvinceError
from province.base.files import PUBLIC, keep_folder, write_atomically
from province.base.layout import Layout
from province.trust import renewing

_log = logging.getLogger(__name__)
_LIFE, _EARLY = timedelta(days=365), timedelta(days=60)  # browsers take no certificate of more than 398 days
_LOOK_S = 3600.0
_KEEP_ALIVE_S = 20
_CONNECTIONS = 600


@dataclass(frozen=True, slots=True)
class Place:
    """Where the pages are.

    Attributes:
        address, port: where it listens; port 0 takes a free one.
        names: what its certificate names: host names and addresses; the first is told.
        behind: the host, with its port where it is not 443, by which a reverse proxy is asked for it; then there is no TLS here.
    """

    address: str
    port: int
    names: tuple[str, ...] = ()
    behind: str = ""


App: TypeAlias = Callable[[set[str]], Guard]  # makes the pages, given the values of Host that are ours


class Served:
    """Pages in a thread and an event loop of their own.

    Args:
        name: the thread's.
        layout: the province.
        place: where.
        folder: for the TLS key and certificate.
        opened: opens what the pages stand on, within their loop, and yields what makes them.
        alive: called every few seconds while they answer.
        connections: so many at once; others are told to come again.
    """

    def __init__(
        self,
        name: str,
        layout: Layout,
        place: Place,
        folder: Path,
        opened: Callable[[], AbstractAsyncContextManager[App]],
        alive: Callable[[], None] = lambda: None,
        *,
        connections: int = _CONNECTIONS,
    ) -> None:
        self._connections = connections
        self._layout, self._place, self._folder, self._opened, self._alive = layout, place, folder, opened, alive
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._began = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._wrong: BaseException | None = None
        self.port = 0

    def start(self) -> None:
        """Begins; returns when browsers can connect.

        Raises:
            ProvinceError, NotAProvince: it cannot.
        """
        self._thread.start()
        self._began.wait()
        if self._wrong is not None:
            raise self._wrong

    def stop(self) -> None:
        """Asks it to end; may be called from any thread."""
        loop, ending = self._loop, self._ending
        if loop is not None and ending is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(ending.set)

    def wait(self) -> None:
        """Waits until it has ended.

        Raises:
            ProvinceError: it ended by itself.
        """
        self._thread.join()
        if self._wrong is not None:
            raise self._wrong

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=Loop) as runner:
                runner.run(self._serve())
        except (ProvinceError, NotAProvince) as error:
            self._wrong = error
        except OSError as error:
            self._wrong = ProvinceError(f"{self._place.address}:{self._place.port}: cannot be had ({error.strerror or error}).")
        finally:
            self._began.set()

    async def _serve(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        with _listening(self._place) as listener:
            self.port = listener.getsockname()[1]
            async with self._opened() as make:
                await self._answer(make(self._hosts()), listener)

    async def _answer(self, app: Guard, listener: socket.socket) -> None:
        assert self._ending is not None  # noqa: S101 - set where it began
        context = None if self._place.behind else await asyncio.to_thread(self._context)
        server = Server(app, context, keep_alive_s=_KEEP_ALIVE_S, connections=self._connections)
        serving = asyncio.create_task(server.serve_on(listener))
        try:
            await server.begun.wait()
            self._began.set()
            looked_s = self._loop.time() if self._loop is not None else 0.0
            while not serving.done() and not self._ending.is_set():
                self._alive()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), 5.0)
                if context is not None and self._loop is not None and self._loop.time() - looked_s > _LOOK_S:
                    looked_s = self._loop.time()
                    await asyncio.to_thread(self._certify, context)
        finally:
            server.should_exit = server.force_exit = True
            await serving

    def _hosts(self) -> set[str]:
        """Every value of Host that is ours."""
        if self._place.behind:
            return {self._place.behind.lower()}
        names = [f"[{name}]" if ":" in name else name.lower() for name in self._place.names]
        return {f"{name}:{self.port}" for name in names} | (set(names) if self.port == 443 else set())

    def _context(self) -> ssl.SSLContext:
        context = tls()
        self._certify(context)
        return context

    def _certify(self, context: ssl.SSLContext) -> None:
        """Makes sure of the certificate and has new connections use it."""
        folder = self._folder
        key, certificate = folder / "page.key", folder / "page.crt"
        if not _good(certificate, self._place.names, self._layout):
            made = renewing.load_authority(self._layout).server(self._place.names, datetime.now(UTC), _LIFE)
            try:
                keep_folder(folder)
                write_atomically(certificate, made.certificate_pem, PUBLIC)
                write_atomically(key, made.key_pem)
            except OSError as error:
                raise ProvinceError(f"{folder}: cannot be written ({error.strerror}). Check the disk and the rights.") from None
            _log.info("a new certificate for %s", ", ".join(self._place.names))
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            certificate.unlink(missing_ok=True)
            raise ProvinceError(f"{folder}: key and certificate do not fit ({error}); start again, they are made anew.") from None


def _good(file: Any, names: tuple[str, ...], layout: Layout) -> bool:
    """Whether a certificate names all these, will hold for two months, and is of this authority."""
    try:
        found = x509.load_pem_x509_certificate(file.read_bytes())
        held = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        authority = x509.load_pem_x509_certificate(layout.authority_certificate.read_bytes())
        found.verify_directly_issued_by(authority)
    except Exception:  # noqa: BLE001 - whatever is wrong with it, another is made
        return False
    covered = {*held.get_values_for_type(x509.DNSName), *map(str, held.get_values_for_type(x509.IPAddress))}
    return set(names) <= covered and found.not_valid_after_utc - datetime.now(UTC) > _EARLY


def _listening(place: Place) -> socket.socket:
    """The socket.

    Raises:
        OSError: the address or port cannot be had.
    """
    family = socket.AF_INET6 if ":" in place.address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((place.address, place.port))
        made.listen(128)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def is_loopback(address: str) -> bool:
    """Whether nobody outside this machine reaches an address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
