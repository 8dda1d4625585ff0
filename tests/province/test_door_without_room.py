"""A door on a machine without descriptors or threads to spare: it waits instead of spinning, and loses no place for good."""

from __future__ import annotations

import logging
import os
import resource
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import admission_world
import pytest
from admission_world import Province
from province_world import WAIT_S, free_port

from edge_agent import door_link
from province import door

province = admission_world.province


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """Takes all other file descriptors of this process away."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(file.name) for file in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 10, most))
    held = []
    try:
        with suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        for descriptor in held[len(held) - count :]:
            os.close(descriptor)
        del held[len(held) - count :]
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))  # first, so that there is room for all at once
        for descriptor in held:
            os.close(descriptor)


class Warned(logging.Handler):
    """Counts the warnings that there is no room."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0
        self.once = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if "no room for a guest" in record.getMessage():
            self.count += 1
            self.once.set()


@pytest.fixture
def warned() -> Iterator[Warned]:
    handler = Warned()
    logging.getLogger("province.door").addHandler(handler)
    yield handler
    logging.getLogger("province.door").removeHandler(handler)


@pytest.fixture
def guest() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.settimeout(WAIT_S)
        yield made


def greeting(raw: socket.socket) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(raw) as stream:
        return door_link.receive_frame(stream, door_link.MAX_GREETING_BYTES)


def test_who_comes_while_there_are_no_descriptors_is_let_in_later(
    province: Province, warned: Warned, guest: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_BREATH_S", 0.01)
    with descriptors_left(0):
        guest.connect(("127.0.0.1", province.port))
        assert warned.once.wait(WAIT_S)
    assert greeting(guest)


def test_the_door_does_not_spin_meanwhile_and_can_be_closed(
    province: Province, warned: Warned, guest: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_BREATH_S", 10 * WAIT_S)
    with descriptors_left(0):
        guest.connect(("127.0.0.1", province.port))
        assert warned.once.wait(WAIT_S)
    province.stack.close()
    assert warned.count == 1


def test_a_guest_for_whom_there_is_no_second_descriptor_takes_no_place_along(
    province: Province, guest: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_GUESTS_MOST", 1)
    port = free_port()
    province.open("server", port)
    with descriptors_left(1):
        guest.connect(("127.0.0.1", port))
        with suppress(ConnectionError):
            assert guest.recv(1) == b""
    assert greeting(socket.create_connection(("127.0.0.1", port), WAIT_S))


def test_a_guest_for_whom_there_is_no_thread_ends_nothing(
    province: Province, warned: Warned, guest: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_GUESTS_MOST", 1)
    port = free_port()
    province.open("server", port)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", no_more_threads)
        guest.connect(("127.0.0.1", port))
        assert warned.once.wait(WAIT_S)
    assert greeting(socket.create_connection(("127.0.0.1", port), WAIT_S))


def no_more_threads(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")  # as CPython says it
