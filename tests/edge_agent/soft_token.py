"""A SoftHSM token for a test, which can be unplugged: it stands for the secure element, everything else is real."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.device import token_signer

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
needs_softhsm = pytest.mark.skipif(not MODULE.exists(), reason="SoftHSM is not installed: apt-get install softhsm2")


@dataclass(frozen=True, slots=True)
class SoftToken:
    """A fresh token labelled `gate`, in a folder."""

    folder: Path

    @property
    def pin_file(self) -> Path:
        return self.folder / "pin"

    @property
    def uri(self) -> str:
        """The address of the key `signing`."""
        return f"pkcs11:token=gate;object=signing?module-path={MODULE}&pin-source=file:{self.pin_file}"

    def unplug(self) -> None:
        (self.folder / "tokens").rename(self.folder / "unplugged")

    def plug(self) -> None:
        (self.folder / "unplugged").rename(self.folder / "tokens")


@contextmanager
def soft_token(folder: Path) -> Iterator[SoftToken]:
    """Makes a token for as long as the test needs it; SoftHSM reads its configuration whenever it is started."""
    (folder / "tokens").mkdir(parents=True)
    (folder / "conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    (folder / "pin").write_text("1234\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "conf"))
        words = ("--init-token", "--free", "--label", "gate", "--pin", "1234", "--so-pin", "5678")
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
        try:
            yield SoftToken(folder)
        finally:
            token_signer._library(str(MODULE)).shut()
