"""Fetches a release over a network that fails: signed list first, then each missing wheel piece by piece, going on where it ended.

HTTPS with this device's own certificate, from the address in the signed command. A piece counts when its hash holds, and only then is it
written: what lies on the disk is right as far as it goes, and a server that lies gains nothing. Nothing here is in a hurry: entries
go first, and the line is never filled.
"""

from __future__ import annotations

import errno
import http.client
import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import file_digest, sha256
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from edge_agent.base.backoff import BackOff
from edge_agent.base.disk import make_folder, sync_folder
from edge_agent.link.broker_tls import refuse_outdated, tls_context
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire.release import MAX_RELEASE_BYTES, PIECE_BYTES, Part, Release, identity_of

log = logging.getLogger(__name__)
BYTES_PER_S = 64 * 1024  # at most: a 4G line hardly notices, on 2G the line itself is slower
PARTS, LIST_SUFFIX = "parts", ".release"
_CONNECT_S = 30.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 2.0, 120.0
_READ_BYTES = 16 * 1024
_MOST_YIELD_S = 15.0  # so long a piece waits for entries, then it goes: a bus at rush hour gets its update too
_YIELD_STEP_S = 0.5
_NEVER = {http.client.FORBIDDEN, http.client.NOT_FOUND, http.client.GONE}  # asking again changes nothing
Pause = Callable[[float], bool]


class NotFetched(Exception):
    """It cannot be had; `reason` is a word for programs."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Ended(Exception):
    """The agent ends meanwhile: what was fetched stays."""


class _Wrong(Exception):
    """What came is not what was asked for."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How to behave on the line.

    Attributes:
        pause: waits so many seconds, and tells whether the agent ends.
        entries_wait: whether entries are on their way now.
        patience_s: how long nothing at all may come before it is given up.
        bytes_per_s: at most.
    """

    pause: Pause
    entries_wait: Callable[[], bool] = lambda: False
    patience_s: float = 6 * 3600.0
    bytes_per_s: int = BYTES_PER_S


class Fetcher:
    """Fetches from one address.

    Args:
        url: `https://host:port/folder`, from the signed command.
        endpoint: our certificate and the province's authority.
        folder: where parts are gathered; made when it is missing.
        manners: on the line.

    Raises:
        NotFetched: the address cannot be one.
    """

    def __init__(self, url: str, endpoint: Endpoint, folder: Path, manners: Manners) -> None:
        address = urlsplit(url)
        try:
            port = address.port or 443
        except ValueError:
            port = 0
        if address.scheme != "https" or not address.hostname or not port or address.query or address.fragment:
            raise NotFetched("bad-address", "the command's address is not https://HOST:PORT/FOLDER")
        self._endpoint = replace(endpoint, host=address.hostname, port=port)
        self._path = address.path.rstrip("/")
        self._folder, self._manners = folder, manners
        self._last_s = time.monotonic()

    def signed_list(self, release_id: str) -> bytes:
        """The signed release that a command names by its hash.

        Raises:
            NotFetched, Ended: see there.
        """

        def once() -> bytes:
            with self._asked(f"{self._path}/{release_id}{LIST_SUFFIX}", 0) as answer:
                message: bytes = answer.read(MAX_RELEASE_BYTES + 1)
            if identity_of(message) != release_id:
                raise _Wrong("the list of the release is not the one that the command names")
            return message

        return self._patiently(once)

    def file_of(self, part: Part) -> Path:
        """Where a part is once it is whole."""
        return self._folder / f"{part.digest.hex()}.whl"

    def parts(self, release: Release, have: Callable[[Part], bool]) -> int:
        """Fetches whatever is missing.

        Args:
            release: whose signature holds.
            have: whether a part need not be fetched.

        Returns:
            How many bytes it had to fetch.

        Raises:
            NotFetched, Ended: see there.
            OSError: the disk.
        """
        make_folder(self._folder)
        self._forget_others(release)
        fetched = 0
        for part in release.parts:
            if not have(part) and not self.file_of(part).exists():
                fetched += self._fetch(part)
        return fetched

    def missing_bytes(self, release: Release, have: Callable[[Part], bool]) -> int:
        """How much `parts` would have to write."""
        return sum(part.size - _size(self._coming(part)) for part in release.parts if not have(part) and not self.file_of(part).exists())

    def _coming(self, part: Part) -> Path:
        return self._folder / f"{part.digest.hex()}.part"

    def _forget_others(self, release: Release) -> None:
        wanted = {part.digest.hex() for part in release.parts}
        for file in self._folder.iterdir():
            if file.suffix in {".whl", ".part"} and file.stem not in wanted:
                file.unlink()

    def _fetch(self, part: Part) -> int:
        coming = self._coming(part)
        with coming.open("ab+") as file:
            begun = _proved(file, part)

            def go_on() -> None:
                self._go_on(file, part)

            self._patiently(go_on)
            file.seek(0)
            if file_digest(file, "sha256").digest() != part.digest:  # its pieces hold: whoever signed it made it wrong
                coming.unlink()
                raise NotFetched("bad-release", f"{part.name}: its pieces are right and its whole is not")
        coming.rename(self.file_of(part))
        sync_folder(self._folder)
        log.info("fetched %s: %d bytes, %d were there", part.name, part.size - begun, begun)
        return part.size - begun

    def _go_on(self, file: BinaryIO, part: Part) -> None:
        """Fetches from where the file ends, each piece proved before it is written."""
        at = file.seek(0, os.SEEK_END)
        if at == part.size:
            return
        with self._asked(f"{self._path}/{PARTS}/{part.digest.hex()}", at) as answer:
            while at < part.size:
                wanted = min(PIECE_BYTES, part.size - at)
                piece = self._read(answer, wanted)
                if sha256(piece).digest() != part.pieces[at // PIECE_BYTES]:
                    raise _Wrong(f"{part.name}: wrong bytes from {at} on")
                _write(file, piece)
                self._last_s = time.monotonic()
                at += wanted

    def _read(self, answer: http.client.HTTPResponse, size: int) -> bytes:
        """So many bytes, not faster than is polite."""
        begun_s, parts, missing = time.monotonic(), [], size
        self._let_entries_go_first()
        while missing:
            part = answer.read(min(_READ_BYTES, missing))
            if not part:
                raise ConnectionError("it ended too soon")
            parts.append(part)
            missing -= len(part)
            ahead_s = (size - missing) / self._manners.bytes_per_s - (time.monotonic() - begun_s)
            if ahead_s > 0 and self._manners.pause(ahead_s):
                raise Ended
        return b"".join(parts)

    def _let_entries_go_first(self) -> None:
        end_s = time.monotonic() + _MOST_YIELD_S
        while self._manners.entries_wait() and time.monotonic() < end_s:
            if self._manners.pause(_YIELD_STEP_S):
                raise Ended

    @contextmanager
    def _asked(self, path: str, begin: int) -> Iterator[http.client.HTTPResponse]:
        """Asks for a file from a byte on."""
        context = tls_context(self._endpoint)
        link = http.client.HTTPSConnection(self._endpoint.host, self._endpoint.port, timeout=_CONNECT_S, context=context)
        with closing(link):
            link.connect()
            if isinstance(link.sock, ssl.SSLSocket):
                refuse_outdated(link.sock, self._endpoint.known_ms())
            headers = {"Connection": "close", "User-Agent": "gate-agent"} | ({"Range": f"bytes={begin}-"} if begin else {})
            link.request("GET", path, headers=headers)
            with closing(link.getresponse()) as answer:
                if answer.status in _NEVER:
                    raise NotFetched(
                        "not-there", f"{self._endpoint.host}:{self._endpoint.port} answered {answer.status}: has it this release?"
                    )
                if answer.status != (http.client.PARTIAL_CONTENT if begin else http.client.OK):
                    raise _Wrong(f"the server answered {answer.status}")
                yield answer

    def _patiently(self, once: Callable[[], bytes | None]) -> bytes:
        """Tries until it is there, or nothing has come for so long."""
        waits = BackOff(_FIRST_WAIT_S, _LONGEST_WAIT_S)
        self._last_s = time.monotonic()
        while True:
            before_s = self._last_s
            try:
                return once() or b""
            except (OSError, http.client.HTTPException, ValueError, _Wrong) as error:
                why = str(error) or type(error).__name__
            if time.monotonic() - self._last_s >= self._manners.patience_s:
                raise NotFetched("not-reached", f"{self._endpoint.host}:{self._endpoint.port}: nothing came any more ({why[:200]})")
            log.info("the release cannot be fetched now, going on soon: %s", why[:200])
            if self._manners.pause(waits.next_s(useful=self._last_s > before_s)):
                raise Ended


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _write(file: BinaryIO, piece: bytes) -> None:
    """Writes a piece, on the disk when it returns.

    Raises:
        NotFetched: the disk does not take it; trying again at once would not help.
    """
    try:
        file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    except OSError as error:
        with suppress(OSError):  # what did not fit must not stay half
            file.truncate(file.tell() // PIECE_BYTES * PIECE_BYTES)
        raise NotFetched("no-room" if error.errno == errno.ENOSPC else "disk", f"the disk does not take it ({error.strerror})") from None


def _proved(file: BinaryIO, part: Part) -> int:
    """Cuts off what is not right of an earlier beginning, and says how much is left."""
    file.seek(0)
    at = 0
    for expected in part.pieces:
        wanted = min(PIECE_BYTES, part.size - at)
        piece = file.read(wanted)
        if len(piece) < wanted or sha256(piece).digest() != expected:
            break
        at += wanted
    file.truncate(at)
    return at
