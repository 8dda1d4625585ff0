"""Runs the station page beside the agent: a thread and an event loop of its own, so that no phone ever holds up what is carried."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from contextlib import suppress
from typing import Any

from anyio.to_thread import current_default_thread_limiter

from edge_agent.base.trouble import where
from edge_agent.device.settings import Settings
from edge_agent.serving.changes import Changes
from edge_agent.serving.server import Loop, Server, tls
from edge_agent.station import certificate, pin
from edge_agent.station.addresses import own_addresses
from edge_agent.station.announce import Announcer
from edge_agent.station.app import Pages, World
from edge_agent.station.asking import ReaderTest
from edge_agent.station.listener import Door
from edge_agent.station.live import Listener, Live

log = logging.getLogger(__name__)
_AGAIN_S = 30.0
_LOOK_S = 15.0  # at addresses and certificate
_KEEP_ALIVE_S = 10
_THREADS = 6


class Station:
    """The page.

    Args:
        settings: with `station` enabled.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = threading.Event()
        self._began = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="station", daemon=True)
        self.port = 0  # once it serves

    def start(self) -> None:
        """Begins; returns at once, whatever comes of it."""
        self._thread.start()

    def wait_until_it_serves(self, timeout_s: float) -> bool:
        """Waits until phones can connect."""
        return self._began.wait(timeout_s)

    def stop(self) -> None:
        """Ends it, within a few seconds."""
        self._stopping.set()
        loop, ending = self._loop, self._ending
        if loop is not None and ending is not None:
            with suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(ending.set)
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _run(self) -> None:
        """A port that is taken or a folder that cannot be read must not end the agent: it is said, and tried again."""
        pin.give_memory_back()
        told = ""
        while not self._stopping.is_set():
            try:
                with asyncio.Runner(loop_factory=Loop) as runner:
                    runner.run(self._serve())
            except OSError as error:
                line = f"station page: {error}: it is tried again every {_AGAIN_S:.0f} s"
            except Exception as error:  # noqa: BLE001 - whatever it is, entries are carried on
                line = f"station page: unexpected {where(error, 3)}; please report it"
            else:
                line = told
            if line != told:
                told = line
                log.error("%s", line)
            self._stopping.wait(_AGAIN_S)

    async def _serve(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        current_default_thread_limiter().total_tokens = _THREADS
        if self._stopping.is_set():
            return
        changes = Changes()
        live = Live(changes.tell)
        runtime = self._settings.device.runtime
        listener = Listener(runtime, live)
        door = Door(self._settings.station.listen, self._settings.station.port)
        world = World(self._settings, live, changes, ReaderTest(runtime, changes.tell), came_in=door.knows)
        try:
            listener.start()
            await self._answer(world, door)
        finally:
            door.close()
            await asyncio.to_thread(listener.stop)

    async def _answer(self, world: World, door: Door) -> None:
        context = tls()
        certified = await asyncio.to_thread(self._certify, context)
        host = certificate.covered(certified)[0]
        server = Server(Pages(world).app(host), context, keep_alive_s=_KEEP_ALIVE_S)
        announcer = Announcer(host, door.port)
        serving = asyncio.create_task(server.serve_on(door))
        self.port = door.port
        try:
            await server.begun.wait()
            self._began.set()
            log.info("station page: https://%s:%d/, certificate %s", host, door.port, certificate.fingerprint(certified))
            while not serving.done() and self._ending is not None and not self._ending.is_set():
                if self._settings.station.listen == "0.0.0.0":  # noqa: S104 - compared, not bound
                    await announcer.at(own_addresses())
                else:
                    await announcer.at([self._settings.station.listen])
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), _LOOK_S)
                certified = await asyncio.to_thread(self._renew, context, certified)
        finally:
            self._began.clear()
            server.should_exit = server.force_exit = True
            await announcer.stop()
            await serving

    def _certify(self, context: ssl.SSLContext) -> Any:
        """Makes sure of the certificate and has new connections use it."""
        state, name = self._settings.device.state, self._settings.station.name
        certified = certificate.make_sure(state, f"{name}.local" if name else "", own_addresses())
        context.load_cert_chain(*certificate.files(state))
        return certified

    def _renew(self, context: ssl.SSLContext, before: Any) -> Any:
        try:
            state, name = self._settings.device.state, self._settings.station.name
            now = certificate.make_sure(state, f"{name}.local" if name else "", own_addresses())
            if now != before:
                context.load_cert_chain(*certificate.files(state))
                log.info("station page: a new certificate, %s", certificate.fingerprint(now))
        except OSError as error:
            log.warning("station page: the certificate cannot be made anew (%s)", error)
            return before
        return now
