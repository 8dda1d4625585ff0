"""Sends a code for the second step to a phone, by whatever the province has: a program of its own, or a gateway's webhook. None by default.

The number and the text are on the program's standard input or in the request's body, never among its arguments, which others can see.
"""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from province.accounts.second import DIGITS
from province.base.errors import NotAProvince, ProvinceError

_TIMEOUT_S = 10.0


class NotSent(ProvinceError):
    """The code did not go out; the text names no number."""


class CodeSender(Protocol):
    """What sends a text to a phone: SMS, Zalo."""

    def send(self, phone: str, text: str) -> None:
        """Sends it.

        Args:
            phone: as `0912345678`.
            text: with the code in it.

        Raises:
            NotSent: it did not go out.
        """


def new_code() -> str:
    """Six random digits."""
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"


def _body(phone: str, text: str) -> bytes:
    return json.dumps({"phone": phone, "text": text}).encode()


@dataclass(frozen=True, slots=True)
class ByCommand:
    """A program that reads one JSON object, `{"phone": …, "text": …}`, from its standard input and exits with 0."""

    words: Sequence[str]

    def send(self, phone: str, text: str) -> None:
        """Runs it."""
        try:
            ran = subprocess.run(  # noqa: S603 - the province's own program, named on the command line
                list(self.words),
                input=_body(phone, text),
                timeout=_TIMEOUT_S,
                check=False,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            raise NotSent(f"{self.words[0]}: did not end within {_TIMEOUT_S:.0f} s") from None
        except OSError as error:
            raise NotSent(f"{self.words[0]}: cannot be run ({error.strerror})") from None
        if ran.returncode != 0:
            raise NotSent(f"{self.words[0]}: ended with {ran.returncode}")


@dataclass(frozen=True, slots=True)
class ByWebhook:
    """A gateway that takes the same JSON object as a POST, with a bearer token where it wants one.

    Raises:
        NotAProvince: no address of a webhook; plain HTTP on this machine alone.
    """

    url: str
    bearer: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
        if not parts.hostname or parts.scheme not in ({"https", "http"} if local else {"https"}):
            raise NotAProvince("--code-webhook: must be https:// and a host, such as https://sms.example.vn/send")

    def send(self, phone: str, text: str) -> None:
        """Posts it."""
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {self.bearer}"} if self.bearer else {})
        connection = kind(str(parts.hostname), parts.port, timeout=_TIMEOUT_S)
        try:
            connection.request("POST", f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}", _body(phone, text), headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise NotSent(f"{parts.hostname}: {type(error).__name__}") from None
        finally:
            connection.close()
        if not 200 <= status < 300:
            raise NotSent(f"{parts.hostname}: answered {status}")


def bearer_of(file: Path | None) -> str:
    """The gateway's token, from a file of one line.

    Raises:
        NotAProvince: it cannot be read.
    """
    try:
        return "" if file is None else file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotAProvince(f"--code-webhook-token {file}: cannot be read ({type(error).__name__}).") from None
