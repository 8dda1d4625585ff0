"""Private keys on disk: found as systemd credentials where there are any, and never left readable for others.

systemd hands credentials over in `$CREDENTIALS_DIRECTORY`, a folder in memory that only this service may read; with
`LoadCredentialEncrypted=` they lie on disk encrypted to the machine's TPM or key. Source: systemd.exec(5), "Credentials".

A shell on the device has no credentials. So that nothing is made there beside a key that the services have, a word in the file's own
place says that it is one: `credential:gate-scanner.signing.key`.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable
from pathlib import Path

log = logging.getLogger(__name__)
_NOTE = b"credential:"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def locate(file: Path, credential: str) -> Path:
    """Where a private file is: systemd's credential of that name if there is one, else the file itself.

    Args:
        file: its usual place.
        credential: the credential's name, such as `gate-scanner.signing.key`.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    given = Path(folder) / credential if folder else None
    return given if given is not None and given.is_file() else file


class NotGiven(OSError):
    """The file is a credential of the services, and this process was not given it; the message says what to do."""


def note(credential: str) -> bytes:
    """What stands in the place of a file that is a credential."""
    return _NOTE + credential.encode() + b"\n"


def is_note(file: Path) -> bool:
    """Whether that is what stands there.

    Raises:
        OSError: there is no such file, or it cannot be read.
    """
    return file.read_bytes().startswith(_NOTE)


def is_credential(file: Path, credential: str) -> bool:
    """Whether a private file is a credential: given to this process, or noted by one that it was given to."""
    try:
        return locate(file, credential) != file or is_note(file)
    except FileNotFoundError:
        return False


def read(file: Path, credential: str) -> bytes:
    """A private file, wherever it is.

    Raises:
        NotGiven: it is a credential, and this process has none.
        OSError: it cannot be read.
    """
    data = locate(file, credential).read_bytes()
    if data.startswith(_NOTE):
        raise NotGiven(
            f"{file}: this key is a systemd credential, {credential}, which only the services are given (LoadCredential= in their units). "
            "The log of gate-agent says its fingerprint. If it is one no longer: remove this file"
        )
    return data


def tighten(paths: Iterable[Path]) -> None:
    """Takes others' rights away from private files and folders, and says so: whoever could read a key may have.

    It does not refuse to start over this: a gate must not stay shut because of a mode. What is missing is left out.
    """
    for path in paths:
        try:
            mode = stat.S_IMODE(path.lstat().st_mode)
        except OSError:
            continue
        if not mode & _OTHERS or path.is_symlink():
            continue
        try:
            path.chmod(mode & ~_OTHERS)
        except OSError as error:
            why = error.strerror
            log.error("%s: others may read it (mode %04o) and that cannot be changed (%s): chmod go= it", path, mode, why)  # noqa: TRY400
        else:
            log.warning(
                "%s: others could read it (mode %04o); now they cannot. If others use this machine, take its key for known: make a new one",
                path, mode,
            )  # fmt: skip
