"""Who may sign health passes: a file of signers' keys, carried to the gate with its configuration.

The form of the file is in hw_docs/health_passes.md. The same key id may name several signers (it is only eight bytes of a hash):
each is tried.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from firmware.health_pass.signer import Signer, from_base64, signer_of

FORMAT = "gate-scanner/trust-list/1"
MAX_BYTES = 8 * 1024 * 1024
_KID_MAX_BYTES = 64
_SHOWN_PROBLEMS = 20


class TrustListError(Exception):
    """The trust list cannot be used; the message names file, signer, key, and what is allowed, all problems at once."""


class TrustList:
    """The signers of a file.

    Example:
        >>> TrustList({}).signers(b"12345678")
        ()
    """

    def __init__(self, signers: Mapping[bytes, Sequence[Signer]]) -> None:
        self._signers = {kid: tuple(found) for kid, found in signers.items()}

    def __len__(self) -> int:
        return sum(map(len, self._signers.values()))

    def signers(self, kid: bytes) -> tuple[Signer, ...]:
        """All signers with this key id."""
        return self._signers.get(kid, ())


def load_trust_list(path: Path) -> TrustList:
    """Reads a trust list file.

    Raises:
        TrustListError: it cannot be read, or something in it is wrong.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise TrustListError(f"{path}: cannot be read ({error.strerror}).") from None
    return parse_trust_list(data, str(path))


def parse_trust_list(data: bytes, where: str) -> TrustList:
    """Understands the bytes of a trust list.

    Args:
        data: the file's content.
        where: what to call it in messages.

    Raises:
        TrustListError: something in it is wrong.
    """
    if len(data) > MAX_BYTES:
        raise TrustListError(f"{where}: more than {MAX_BYTES} bytes: not a trust list.")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TrustListError(f"{where}: not JSON ({type(error).__name__}). hw_docs/health_passes.md shows the form.") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise TrustListError(f'{where}: format: must be "{FORMAT}". hw_docs/health_passes.md shows the form.')
    entries = document.get("signers")
    if not isinstance(entries, dict) or set(document) - {"format", "signers"}:
        raise TrustListError(f'{where}: needs "signers", an object of key ids, and nothing else beside "format".')
    return _read_signers(entries, where)


def _read_signers(entries: Mapping[str, object], where: str) -> TrustList:
    problems: list[str] = []
    signers: dict[bytes, list[Signer]] = {}
    for kid_text, value in entries.items():
        kid = from_base64(kid_text)
        if not kid or len(kid) > _KID_MAX_BYTES:
            problems.append(f"{kid_text[:100]!r}: the key id must be 1 to {_KID_MAX_BYTES} bytes in base64")
            continue
        for number, entry in enumerate(value if isinstance(value, list) else [value], start=1):
            try:
                signers.setdefault(kid, []).append(signer_of(kid, entry))
            except ValueError as error:
                problems.append(f"{kid_text}[{number}]: {error}" if isinstance(value, list) else f"{kid_text}: {error}")
    if problems:
        more = f"\n  … and {len(problems) - _SHOWN_PROBLEMS} more" if len(problems) > _SHOWN_PROBLEMS else ""
        raise TrustListError(f"{where}: not a usable trust list:\n  " + "\n  ".join(problems[:_SHOWN_PROBLEMS]) + more)
    return TrustList(signers)
