"""A release is fetched from the real server over a bad network: only right bytes stay, and it goes on where it ended."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from province_world import Scanner, cli, founded, free_port, scanner
from small_disk import small_disk
from tcp_proxy import TcpProxy
from tcp_pump import Act, Way
from update_served import Served

from edge_agent.update.release_fetch import Ended, Fetcher, Manners, NotFetched
from edge_agent.wire import release
from edge_agent.wire.authority import Power
from edge_agent.wire.release import PIECE_BYTES, Part, Release
from province.base.files import make_folder
from province.base.layout import Layout
from province.keys import officers
from province.release.releases import PARTS, SUFFIX

DATA = b"".join(sha256(bytes([at])).digest() * 4096 for at in range(8))  # 1 MB, eight pieces
PART = Part.of("gate_scanner-1.2.0-py3-none-any.whl", DATA)
WANTED = Release("1.2.0", 7, 0, "amd64", "3.11", 1, 1, 1, 1, 4 * 10**12, (PART,))
PATIENCE = Manners(lambda _seconds: False, patience_s=3.0, bytes_per_s=10**9)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    layout = founded(tmp_path_factory.mktemp("province") / "p")
    for folder in (layout.releases, layout.releases / PARTS):
        make_folder(folder)
    return layout


@pytest.fixture(scope="module")
def release_id(layout: Layout) -> str:
    message = release.issue(WANTED, officers.load_officer(layout, Power.UPDATE))
    (layout.releases / f"{release.identity_of(message)}{SUFFIX}").write_bytes(message)
    return release.identity_of(message)


@pytest.fixture(scope="module")
def served(layout: Layout) -> Iterator[Served]:
    made = Served(layout, free_port())
    yield made
    made.stop()


@pytest.fixture(scope="module")
def device(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> Scanner:
    return scanner(layout, tmp_path_factory.mktemp("device"))


@pytest.fixture
def there(layout: Layout) -> Path:
    file = layout.releases / PARTS / PART.digest.hex()
    file.write_bytes(DATA)
    return file


@pytest.fixture
def fetcher(served: Served, device: Scanner, there: Path, tmp_path: Path) -> Callable[..., Fetcher]:
    assert there.exists()

    def make(port: int | None = None, manners: Manners = PATIENCE) -> Fetcher:
        return Fetcher(f"https://127.0.0.1:{port or served.port}/", device.endpoint, tmp_path / "parts", manners)

    return make


def nowhere(_part: Part) -> bool:
    return False


def test_list_and_parts_come_once_and_what_is_there_is_not_fetched(fetcher: Callable[..., Fetcher], release_id: str) -> None:
    made = fetcher()
    assert release.identity_of(made.signed_list(release_id)) == release_id
    assert made.missing_bytes(WANTED, nowhere) == len(DATA)
    assert made.parts(WANTED, nowhere) == len(DATA)
    assert made.file_of(PART).read_bytes() == DATA
    assert (made.parts(WANTED, nowhere), made.missing_bytes(WANTED, nowhere)) == (0, 0)
    assert fetcher().parts(WANTED, lambda _part: True) == 0
    other = replace(WANTED, parts=(Part.of("b.whl", b"x"),))
    assert made.parts(other, lambda _part: True) == 0
    assert not made.file_of(PART).exists()  # of another release: room for this one


def test_a_broken_line_costs_a_piece_and_no_more(served: Served, fetcher: Callable[..., Fetcher]) -> None:
    with TcpProxy(served.port) as line:
        line.trap(Way.DOWN, 3 * PIECE_BYTES, Act.CLOSE)  # of each connection
        made = fetcher(line.port)
        assert made.parts(WANTED, nowhere) == len(DATA)
        assert made.file_of(PART).read_bytes() == DATA
        assert line.seen.connects > 3
        assert line.seen.down < len(DATA) + line.seen.connects * (PIECE_BYTES + 16_000)


@pytest.mark.parametrize("spoilt", [
    DATA[:300_000], DATA[:PIECE_BYTES] + bytes(len(DATA) - PIECE_BYTES), bytes(len(DATA)), b"", DATA[:-1] + b"?",
], ids=["truncated", "one piece right", "none", "empty", "the last byte"])  # fmt: skip
def test_bytes_that_are_not_the_signed_ones_are_never_kept(
    fetcher: Callable[..., Fetcher], there: Path, tmp_path: Path, spoilt: bytes
) -> None:
    there.write_bytes(spoilt)
    with pytest.raises(NotFetched, match="nothing came"):
        fetcher().parts(WANTED, nowhere)
    kept = (tmp_path / "parts" / f"{PART.digest.hex()}.part").read_bytes()
    assert DATA.startswith(kept)
    assert len(kept) % PIECE_BYTES == 0
    there.write_bytes(DATA)  # the server is mended: it goes on
    assert fetcher().parts(WANTED, nowhere) == len(DATA) - len(kept)


def test_what_a_card_has_spoilt_meanwhile_is_fetched_again(fetcher: Callable[..., Fetcher], tmp_path: Path) -> None:
    made = fetcher()
    (tmp_path / "parts").mkdir()
    begun = bytearray(DATA[: 3 * PIECE_BYTES + 100])  # the power went in the middle of a piece
    begun[2 * PIECE_BYTES] ^= 1
    (tmp_path / "parts" / f"{PART.digest.hex()}.part").write_bytes(begun)
    assert made.parts(WANTED, nowhere) == len(DATA) - 2 * PIECE_BYTES
    assert made.file_of(PART).read_bytes() == DATA


def test_who_has_no_certificate_or_a_revoked_one_gets_nothing(
    layout: Layout, served: Served, device: Scanner, tmp_path: Path, release_id: str
) -> None:
    stranger = ssl.create_default_context(cafile=str(device.endpoint.authority_file))
    link = http.client.HTTPSConnection("127.0.0.1", served.port, timeout=10, context=stranger)

    def ask() -> None:
        with closing(link):
            link.request("GET", "/")
            link.getresponse()

    with pytest.raises(OSError, match=r"(?i)alert|closed|reset|eof|certificate"):  # TLS 1.3: told with the first answer
        ask()
    stolen = scanner(layout, tmp_path, device="stolen")
    assert Fetcher(f"https://127.0.0.1:{served.port}/", stolen.endpoint, tmp_path / "a", PATIENCE).signed_list(release_id)
    assert cli("device", "revoke", layout.root, "bus-co/stolen").returncode in {0, 1}  # no broker runs here to be told
    with pytest.raises(NotFetched, match="nothing came"):
        Fetcher(f"https://127.0.0.1:{served.port}/", stolen.endpoint, tmp_path / "b", PATIENCE).signed_list(release_id)


@pytest.mark.parametrize("path", ["../province.json", "parts/../../root.pub", "officers/update.key", "parts/", ""])
def test_nothing_else_is_served(fetcher: Callable[..., Fetcher], path: str) -> None:
    with pytest.raises(NotFetched), fetcher(manners=replace(PATIENCE, patience_s=0))._asked(f"/{path}", 0):
        pass


def test_a_full_disk_is_told_and_what_is_there_is_right(served: Served, device: Scanner, there: Path, tmp_path: Path) -> None:
    assert there.exists()
    with small_disk(tmp_path / "small", "512k"):
        made = Fetcher(f"https://127.0.0.1:{served.port}/", device.endpoint, tmp_path / "small" / "parts", PATIENCE)
        with pytest.raises(NotFetched) as caught:
            made.parts(WANTED, nowhere)
        assert caught.value.reason == "no-room"
        kept = (tmp_path / "small" / "parts" / f"{PART.digest.hex()}.part").read_bytes()
        assert DATA.startswith(kept)


def test_entries_go_first_and_the_agent_may_end_meanwhile(fetcher: Callable[..., Fetcher]) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) > 3

    with pytest.raises(Ended):
        fetcher(manners=Manners(pause, entries_wait=lambda: True)).parts(WANTED, nowhere)
    pauses.clear()

    def note(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    fetcher(manners=replace(PATIENCE, pause=note, bytes_per_s=10**6)).parts(WANTED, nowhere)
    assert sum(pauses) > 0  # it waits, so that a line is never filled


@pytest.mark.parametrize("url", ["http://a:1/", "https:///x", "https://a:99999/", "ftp://a/", "https://a/?x=1", "x"])
def test_an_address_that_is_none_is_told(device: Scanner, tmp_path: Path, url: str) -> None:
    with pytest.raises(NotFetched) as caught:
        Fetcher(url, device.endpoint, tmp_path, PATIENCE)
    assert caught.value.reason == "bad-address"
