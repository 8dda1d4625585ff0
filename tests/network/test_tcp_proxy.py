"""The bad network that tests command does what each command says, to real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from tcp_proxy import WAIT_S, TcpProxy
from tcp_pump import Act, Way

PIECE = bytes(range(256)) * 8


class Echo:
    """A server that answers what it hears, each connection in a thread."""

    def __init__(self, answer: bytes = b"") -> None:
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.heard = 0
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                there, _address = self._listening.accept()
                self._threads.append(threading.Thread(target=self._repeat, args=(there,)))
                self._threads[-1].start()

    def _repeat(self, there: socket.socket) -> None:
        with there, suppress(OSError):
            while heard := there.recv(4096):
                self.heard += len(heard)
                there.sendall(self._answer or heard)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(WAIT_S)


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def echo(undo: ExitStack) -> Echo:
    made = Echo()
    undo.callback(made.close)
    return made


@pytest.fixture
def network(undo: ExitStack, echo: Echo) -> TcpProxy:
    return undo.enter_context(TcpProxy(echo.port))


@pytest.fixture
def client(undo: ExitStack, network: TcpProxy) -> socket.socket:
    made = undo.enter_context(connected(network))
    network.until(lambda seen: seen.live == 1)
    return made


def connected(network: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", network.port), WAIT_S)


def exactly(client: socket.socket, count: int) -> bytes:
    heard = b""
    while len(heard) < count and (more := client.recv(count - len(heard))):
        heard += more
    return heard


def echoed(client: socket.socket, said: bytes = PIECE) -> bool:
    client.sendall(said)
    return exactly(client, len(said)) == said


def silent(client: socket.socket) -> bool:
    """Whether nothing has come and nobody has hung up."""
    client.setblocking(False)
    try:
        client.recv(1)
    except BlockingIOError:
        return True
    finally:
        client.settimeout(WAIT_S)
    return False


def test_everything_passes_and_is_counted(network: TcpProxy, client: socket.socket) -> None:
    said = PIECE * 200
    threading.Thread(target=client.sendall, args=(said,)).start()
    assert exactly(client, len(said)) == said
    seen = network.until(lambda seen: seen.down == len(said))
    assert (seen.connects, seen.live, seen.up, seen.swallowed, seen.trapped) == (1, 1, len(said), 0, 0)
    client.close()
    network.until(lambda seen: seen.live == 0)


def test_a_half_closed_connection_still_answers(network: TcpProxy, client: socket.socket) -> None:
    client.sendall(PIECE)
    client.shutdown(socket.SHUT_WR)
    assert exactly(client, len(PIECE)) == PIECE
    assert client.recv(1) == b""
    network.until(lambda seen: seen.live == 0)


@pytest.mark.parametrize("ways", [(), (Way.UP,), (Way.DOWN,)], ids=["both ways", "up", "down"])
def test_a_partition_holds_everything_back_and_healing_delivers_it(
    network: TcpProxy, client: socket.socket, echo: Echo, ways: tuple[Way, ...]
) -> None:
    assert echoed(client)
    network.part(*ways)
    client.sendall(PIECE)
    if ways == (Way.DOWN,):
        network.until(lambda seen: seen.up == 2 * len(PIECE))
    late = connected(network)  # somebody who comes meanwhile is not told either
    late.sendall(b"late")
    network.until(lambda seen: seen.connects == 2)
    assert silent(client)
    assert silent(late)
    assert ways == (Way.DOWN,) or echo.heard == len(PIECE)
    network.heal()
    assert exactly(client, len(PIECE)) == PIECE
    assert exactly(late, 4) == b"late"
    late.close()


@pytest.mark.parametrize("way", list(Way), ids=lambda way: way.name)
def test_what_is_swallowed_is_lost_for_good_and_a_new_connection_is_not_touched(network: TcpProxy, client: socket.socket, way: Way) -> None:
    assert echoed(client)
    network.swallow(way)
    client.sendall(PIECE)
    network.until(lambda seen: seen.swallowed == len(PIECE))
    network.heal()
    client.sendall(PIECE)
    network.until(lambda seen: seen.swallowed == 2 * len(PIECE))
    assert silent(client)
    with connected(network) as other:
        assert echoed(other)


def test_a_reset_reaches_both_ends_and_a_new_connection_passes(network: TcpProxy, client: socket.socket) -> None:
    assert echoed(client)
    network.reset()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    network.until(lambda seen: seen.live == 0)
    with connected(network) as other:
        assert echoed(other)


@pytest.mark.parametrize("after", [0, 1, 300, len(PIECE) - 1])
def test_a_trap_lets_exactly_so_many_bytes_through_and_tells_both_ends(network: TcpProxy, client: socket.socket, after: int) -> None:
    assert echoed(client)
    network.trap(Way.DOWN, after, Act.CLOSE)
    client.sendall(PIECE)
    assert exactly(client, len(PIECE)) == PIECE[:after]
    client.close()
    assert network.until(lambda seen: seen.live == 0).trapped == 1


def test_a_trap_on_the_way_up_keeps_the_rest_from_the_server(network: TcpProxy, client: socket.socket, echo: Echo) -> None:
    network.trap(Way.UP, 300, Act.CLOSE)
    client.sendall(PIECE)
    assert client.recv(1) == b""
    client.close()
    assert network.until(lambda seen: seen.live == 0).up == echo.heard == 300


def test_a_trap_is_there_for_every_connection_until_healed(network: TcpProxy) -> None:
    network.trap(Way.DOWN, 5, Act.RESET)
    for number in range(1, 4):
        with connected(network) as client, suppress(ConnectionResetError):
            client.sendall(PIECE)
            assert len(exactly(client, len(PIECE))) <= 5
        network.until(lambda seen, number=number: seen.trapped == number and seen.live == 0)  # type: ignore[misc]
    network.heal()
    with connected(network) as client:
        assert echoed(client)


def test_a_stall_goes_on_where_it_stopped(network: TcpProxy, client: socket.socket) -> None:
    network.trap(Way.DOWN, 100, Act.STALL)
    client.sendall(PIECE)
    assert exactly(client, 100) == PIECE[:100]
    network.until(lambda seen: seen.trapped == 1)
    assert silent(client)
    network.heal()
    assert exactly(client, len(PIECE) - 100) == PIECE[100:]


def test_from_a_trap_on_all_is_swallowed(network: TcpProxy, client: socket.socket) -> None:
    network.trap(Way.DOWN, 100, Act.SWALLOW)
    client.sendall(PIECE)
    assert exactly(client, 100) == PIECE[:100]
    network.until(lambda seen: seen.swallowed == len(PIECE) - 100)
    assert silent(client)


def test_who_connects_is_refused_or_turned_away_until_healed(network: TcpProxy, client: socket.socket) -> None:
    network.refuse()
    with pytest.raises(ConnectionRefusedError):
        connected(network)
    assert echoed(client), "those who are connected stay so"
    network.heal()
    network.turn_away()
    with pytest.raises(ConnectionResetError), connected(network) as turned:
        turned.recv(1)
    assert network.until(lambda seen: seen.live == 1).connects == 2
    network.heal()
    with connected(network) as other:
        assert echoed(other)


def test_a_server_that_is_away_looks_like_a_reset(undo: ExitStack) -> None:
    gone = Echo()
    network = undo.enter_context(TcpProxy(gone.port))
    gone.close()
    with pytest.raises(ConnectionResetError), connected(network) as client:
        client.recv(1)


def test_later_connections_go_to_another_server(network: TcpProxy, client: socket.socket, undo: ExitStack) -> None:
    other = Echo(b"other")
    undo.callback(other.close)
    network.turn_to(other.port)
    with connected(network) as later:
        later.sendall(PIECE)
        assert exactly(later, 5) == b"other"
        assert echoed(client)


def test_a_late_and_thin_line_loses_nothing(network: TcpProxy, client: socket.socket) -> None:
    network.slow(delay_s=0.05, bytes_per_s=20_000)
    assert echoed(client)
    network.heal()
    assert echoed(client)


def test_a_thin_line_makes_its_sender_wait(network: TcpProxy, client: socket.socket) -> None:
    network.slow(bytes_per_s=100)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    client.setblocking(False)
    said = 0
    with suppress(BlockingIOError):
        while said < 10_000_000:
            said += client.send(PIECE)
    assert said < 2_000_000


def test_closing_ends_whatever_state_its_connections_are_in(echo: Echo) -> None:
    with TcpProxy(echo.port) as network, connected(network) as client, connected(network) as other:
        assert echoed(client)
        network.trap(Way.UP, 10, Act.STALL)
        other.sendall(PIECE)
        network.until(lambda seen: seen.trapped == 1)
        network.part()
        client.sendall(PIECE)
        network.close()
        network.close()
        assert not network._thread.is_alive()
        with suppress(ConnectionResetError):
            assert PIECE[:10].startswith(exactly(other, 100)), "and it has ended"
