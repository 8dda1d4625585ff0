"""A door on a machine without descriptors or threads to spare: it waits instead of spinning, and loses no place for good."""

from __future__ import annotations

import errno
import logging
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import NoReturn

import admission_world
import pytest
from admission_world import Province
from province_world import WAIT_S, free_port

from edge_agent.link import door_link
from province.joining import door

province = admission_world.province


def no_more_descriptors(_socket: socket.socket) -> NoReturn:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def no_more_threads(_thread: threading.Thread) -> NoReturn:
    raise RuntimeError("can't start new thread")  # as CPython says it


def opened(province: Province) -> tuple[str, int]:
    """One more door, with room for one guest."""
    port = free_port()
    province.open("server", port)
    return "127.0.0.1", port


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
    logging.getLogger("province.joining.door").addHandler(handler)
    yield handler
    logging.getLogger("province.joining.door").removeHandler(handler)


@pytest.fixture(autouse=True)
def _one_guest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_GUESTS_MOST", 1)


def greeting(raw: socket.socket) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(raw) as stream:
        return door_link.receive_frame(stream, door_link.MAX_GREETING_BYTES)


def test_who_comes_while_there_are_no_descriptors_is_let_in_later(
    province: Province, warned: Warned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_BREATH_S", 0.01)
    with monkeypatch.context() as full:
        full.setattr(socket.socket, "accept", no_more_descriptors)
        guest = socket.create_connection(opened(province), WAIT_S)
        assert warned.once.wait(WAIT_S)
    assert greeting(guest)


def test_the_door_does_not_spin_meanwhile_and_can_be_closed(province: Province, warned: Warned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_BREATH_S", 10 * WAIT_S)
    monkeypatch.setattr(socket.socket, "accept", no_more_descriptors)
    opened(province)
    assert warned.once.wait(WAIT_S)
    province.stack.close()
    assert warned.count == 1


def test_a_guest_for_whom_there_is_no_second_descriptor_takes_no_place_along(province: Province, monkeypatch: pytest.MonkeyPatch) -> None:
    address = opened(province)
    with monkeypatch.context() as full:
        full.setattr(socket.socket, "dup", no_more_descriptors)
        with socket.create_connection(address, WAIT_S) as guest, suppress(ConnectionError):
            assert guest.recv(1) == b""
    assert greeting(socket.create_connection(address, WAIT_S))


def test_a_guest_for_whom_there_is_no_thread_ends_nothing(province: Province, warned: Warned, monkeypatch: pytest.MonkeyPatch) -> None:
    address = opened(province)
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", no_more_threads)
        with socket.create_connection(address, WAIT_S):
            assert warned.once.wait(WAIT_S)
    assert greeting(socket.create_connection(address, WAIT_S))
