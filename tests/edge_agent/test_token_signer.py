"""A signing key in a PKCS#11 token: SoftHSM stands for the secure element, everything else is real."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent import cose, device_keys, envelope, identity, joining, token_signer
from edge_agent.joining import Wish
from edge_agent.token_signer import TokenSigner, TokenTrouble

ROOT = Path(__file__).parents[2]
MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
needs_softhsm = pytest.mark.skipif(not MODULE.exists(), reason="SoftHSM is not installed: apt-get install softhsm2")


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A fresh token's address; SoftHSM reads its configuration once for each process."""
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    (folder / "pin").write_text("1234\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "conf"))
        words = ("--init-token", "--free", "--label", "gate", "--pin", "1234", "--so-pin", "5678")
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
        import pkcs11  # noqa: PLC0415 - its library must be loaded while the variable is set

        pkcs11.lib(str(MODULE))
    return f"pkcs11:token=gate;object=signing?module-path={MODULE}&pin-source=file:{folder}/pin"


@needs_softhsm
def test_a_key_made_in_a_token_signs_what_every_reader_accepts(token: str, tmp_path: Path) -> None:
    made = device_keys.load_or_make(tmp_path / "state", token)
    again = device_keys.load(tmp_path / "state")
    assert again.signing.public_key() == made.signing.public_key()
    message = cose.sign(b"payload", envelope.ENTRY, again.signing)
    assert cose.check(cose.parse(message, envelope.ENTRY, 8192), envelope.ENTRY, made.signing.public_key()) == b"payload"
    assert joining.read_request(again.request(Wish.JOIN)).public_key == made.signing.public_key()


@needs_softhsm
def test_the_card_holds_an_address_and_no_key(token: str, tmp_path: Path) -> None:
    device_keys.load_or_make(tmp_path / "state", token)
    text = (tmp_path / "state" / identity.FOLDER / identity.SIGNING_KEY).read_text()
    assert text == token
    assert "PRIVATE" not in text
    assert "1234" not in repr(token_signer.parse(token))


@needs_softhsm
@pytest.mark.parametrize(
    "change",
    [("token=gate", "token=other"), ("object=signing", "object=missing"), (str(MODULE), "/nope.so")],
)
def test_a_token_that_cannot_be_used_says_why(token: str, change: tuple[str, str]) -> None:
    with pytest.raises(TokenTrouble, match="check that it is plugged in"):
        TokenSigner(token.replace(*change))


@needs_softhsm
@pytest.mark.parametrize(
    "change,code,said", [(("", ""), 0, "key "), (("pin-source", "pin-value=0000&x"), 1, "PIN"), (("token=gate", ""), 2, "PKCS#11 URI")]
)
def test_the_label_of_a_key_in_a_token(token: str, tmp_path: Path, change: tuple[str, str], code: int, said: str) -> None:
    folder = Path(token_file(token)).parent
    command = [
        sys.executable,
        "-m",
        "edge_agent",
        "enrol",
        "--label",
        "--token",
        token.replace(*change),
        "--state",
        str(tmp_path / "state"),
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "SOFTHSM2_CONF": str(folder / "conf")},
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "state" / identity.FOLDER / identity.SIGNING_KEY).exists() == (code == 0)


def token_file(token: str) -> str:
    return token.partition("pin-source=file:")[2]


def test_a_missing_pin_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(TokenTrouble, match="PIN cannot be read"):
        token_signer.parse(f"pkcs11:token=gate;object=signing?module-path=/x.so&pin-source=file:{tmp_path}/none")


@pytest.mark.parametrize(
    "uri", ["", "pkcs11:", "pkcs11:token=a;object=b?module-path=/x", "pkcs11:token=a?module-path=/x&pin-value=1", "file:/x"]
)
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="not a PKCS#11 URI"):
        token_signer.parse(uri)
