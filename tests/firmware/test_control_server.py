"""The control socket: counts and live passages out, requests in, and nobody on it can hold up the gate."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from gate_world import WAIT_S

from edge_agent.device.control import MAX_MESSAGE_BYTES, SOCKET_NAME, ControlClient
from firmware.control_server import Asker, ControlServer


class Requests:
    """What the server was asked, and how it answers."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.askers: list[Asker] = []

    def __call__(self, request: dict[str, Any], asker: Asker) -> dict[str, Any] | None:
        self.seen.append(request["type"])
        self.askers.append(asker)
        match request["type"]:
            case "stumble":
                raise KeyError("001099012345")
            case "long":
                return {"type": "long", "text": "x" * MAX_MESSAGE_BYTES}
            case "silent":
                return None
        return {"type": "done", "to": request["type"]}


@pytest.fixture
def requests() -> Requests:
    return Requests()


@pytest.fixture
def server(tmp_path: Path, requests: Requests) -> Iterator[ControlServer]:
    server = ControlServer(tmp_path, requests)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(server: ControlServer, tmp_path: Path) -> Iterator[ControlClient]:
    assert server._thread.is_alive()
    with closing(ControlClient(tmp_path, WAIT_S)) as client:
        client.send({"type": "hello"})
        assert client.receive() == {"type": "done", "to": "hello"}
        yield client


def test_what_is_told_reaches_everybody_who_listens(server: ControlServer, client: ControlClient, tmp_path: Path) -> None:
    with closing(ControlClient(tmp_path, WAIT_S)) as other:
        other.send({"type": "hello"})
        assert other.receive() == {"type": "done", "to": "hello"}
        server.tell({"type": "passage", "seq": 1})
        assert client.receive() == other.receive() == {"type": "passage", "seq": 1}


GARBAGE = {
    "not JSON": b"hello",
    "binary": b"\xff\x00\xfe",
    "no object": b"[1, 2]",
    "no type": b'{"a": 1}',
    "type is no text": b'{"type": {}}',
    "deep": b"[" * 30_000,
    "huge number": b'{"type": "a", "n": ' + b"9" * 20_000 + b"}",
    "too long": b'{"type": "' + b"x" * MAX_MESSAGE_BYTES + b'"}',
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_answered_and_the_connection_lives_on(client: ControlClient, data: bytes, requests: Requests) -> None:
    client._socket.send(data)
    answer = client.receive()
    assert answer is not None
    assert answer["type"] == "refused"
    client.send({"type": "again"})
    assert client.receive() == {"type": "done", "to": "again"}
    assert requests.seen == ["hello", "again"]


def test_a_request_we_stumble_over_ends_nobodys_service(client: ControlClient, caplog: pytest.LogCaptureFixture) -> None:
    client.send({"type": "stumble"})
    assert client.receive() == {"type": "refused", "why": "unexpected trouble"}
    assert "unexpected KeyError" in caplog.text
    assert "001099012345" not in caplog.text
    client.send({"type": "long"})  # an answer too long to send is no answer
    client.send({"type": "silent"})
    client.send({"type": "again"})
    assert client.receive() == {"type": "done", "to": "again"}


def test_a_listener_who_does_not_listen_holds_up_nobody(server: ControlServer, client: ControlClient, tmp_path: Path) -> None:
    told = threading.Event()

    def tell() -> None:
        for seq in range(2_000):
            server.tell({"type": "passage", "seq": seq, "padding": "x" * 1000})
        told.set()

    with closing(ControlClient(tmp_path, WAIT_S)) as fast:
        fast.send({"type": "hello"})
        assert fast.receive() == {"type": "done", "to": "hello"}
        listening = threading.Thread(target=tell)
        listening.start()
        assert told.wait(WAIT_S)
        listening.join()
        first = client.receive()  # the one who slept finds the oldest, the rest was not kept for them
        assert first is not None
        assert first["seq"] == 0


def test_an_answer_that_comes_later_goes_to_whoever_asked_and_is_lost_with_them(
    server: ControlServer, client: ControlClient, requests: Requests, tmp_path: Path
) -> None:
    with closing(ControlClient(tmp_path, WAIT_S)) as other:
        other.send({"type": "silent"})
        other.send({"type": "hello"})
        assert other.receive() == {"type": "done", "to": "hello"}
        asker = requests.askers[-1]
        asker.tell({"type": "later"})
        assert other.receive() == {"type": "later"}
        assert asker.gone_s is None
    client.send({"type": "hello"})  # by its answer the other's leaving has been seen too
    assert client.receive() == {"type": "done", "to": "hello"}
    assert asker.gone_s is not None
    asker.tell({"type": "later"})
    asker.tell({"type": "long", "text": "x" * MAX_MESSAGE_BYTES})
    server.tell({"type": "passage"})
    assert client.receive() == {"type": "passage"}


def test_nine_listeners_are_one_too_many(server: ControlServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(ControlClient(tmp_path, WAIT_S))) for _ in range(8)]
        for client in clients:
            client.send({"type": "hello"})
            assert client.receive() == {"type": "done", "to": "hello"}
        with closing(ControlClient(tmp_path, WAIT_S)) as ninth:
            assert ninth.receive() is None
        assert "refused process" in caplog.text
        server.tell({"type": "passage"})
        assert all(client.receive() == {"type": "passage"} for client in clients)
        clients[0].close()
        clients[1].send({"type": "again"})  # by its answer the first one's leaving has been seen too
        assert clients[1].receive() == {"type": "done", "to": "again"}
        with closing(ControlClient(tmp_path, WAIT_S)) as next_one:
            next_one.send({"type": "hello"})
            assert next_one.receive() == {"type": "done", "to": "hello"}


AS_NOBODY = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(20)
try:
    s.connect(sys.argv[1])
except PermissionError:
    print("kernel says no")
else:
    try:
        s.send(b'{"type": "hello"}')
        print(s.recv(100) or b"closed")
    except (BrokenPipeError, ConnectionResetError):
        print(b"closed")
"""


def ask_as_nobody(path: Path) -> str:
    done = subprocess.run([sys.executable, "-c", AS_NOBODY, path], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_foreign_user_is_refused(requests: Requests) -> None:
    folder = Path("/tmp") / f"gate-control-{os.getpid()}"  # noqa: S108 - pytest's own folders let nobody else in at all
    folder.mkdir(mode=0o755)
    server = ControlServer(folder, requests)
    server.start()
    try:
        assert ask_as_nobody(folder / SOCKET_NAME) == "kernel says no"
        (folder / SOCKET_NAME).chmod(0o666)  # an administrator's slip: then it is we who ask who that is
        folder.chmod(0o705)
        assert ask_as_nobody(folder / SOCKET_NAME) == "b'closed'"
        assert requests.seen == []
    finally:
        server.stop()
        folder.rmdir()


def test_a_socket_left_by_a_killed_process_is_replaced_and_ours_is_removed(tmp_path: Path, requests: Requests) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(tmp_path / SOCKET_NAME))
    server = ControlServer(tmp_path, requests)
    server.start()
    with closing(ControlClient(tmp_path, WAIT_S)) as client:
        client.send({"type": "hello"})
        assert client.receive() == {"type": "done", "to": "hello"}
        server.stop()
        assert client.receive() is None
    assert list(tmp_path.iterdir()) == []


def test_a_server_never_started_leaves_nothing_open(tmp_path: Path, requests: Requests) -> None:
    ControlServer(tmp_path, requests).stop()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["absent", "long" * 40])
def test_a_folder_that_cannot_hold_the_socket_is_named(tmp_path: Path, requests: Requests, folder: str) -> None:
    with pytest.raises(OSError, match="control socket cannot be made"):
        ControlServer(tmp_path / folder, requests)


def test_a_message_too_long_to_tell_stops_nobody(server: ControlServer, client: ControlClient, caplog: pytest.LogCaptureFixture) -> None:
    server.tell({"type": "counters", "why": "x" * MAX_MESSAGE_BYTES})
    server.tell({"type": "passage"})
    assert client.receive() == {"type": "passage"}
    assert "counters is not told" in caplog.text
