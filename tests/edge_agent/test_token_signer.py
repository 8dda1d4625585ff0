"""A signing key in a PKCS#11 token: SoftHSM stands for the secure element, everything else is real."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import agent_shell
import pkcs11
import pytest
from real_broker import config
from soft_token import MODULE, SoftToken, needs_softhsm, soft_token

from edge_agent.device import device_keys, identity, token_signer
from edge_agent.device.token_signer import TokenSigner, TokenTrouble
from edge_agent.wire import cose, envelope, joining
from edge_agent.wire.joining import Wish

ROOT = Path(__file__).parents[2]


@pytest.fixture
def token(tmp_path: Path) -> Iterator[SoftToken]:
    with soft_token(tmp_path / "token") as token:
        yield token


@needs_softhsm
def test_a_key_made_in_a_token_signs_what_every_reader_accepts(token: SoftToken, tmp_path: Path) -> None:
    made = device_keys.load_or_make(tmp_path / "state", token.uri)
    again = device_keys.load(tmp_path / "state")
    assert again.signing.public_key() == made.signing.public_key()
    message = cose.sign(b"payload", envelope.ENTRY, again.signing)
    assert cose.check(cose.parse(message, envelope.ENTRY, 8192), envelope.ENTRY, made.signing.public_key()) == b"payload"
    assert joining.read_request(again.request(Wish.JOIN)).public_key == made.signing.public_key()


@needs_softhsm
def test_the_card_holds_an_address_and_no_key(token: SoftToken, tmp_path: Path) -> None:
    device_keys.load_or_make(tmp_path / "state", token.uri)
    text = (tmp_path / "state" / identity.FOLDER / identity.SIGNING_KEY).read_text()
    assert text == token.uri
    assert "PRIVATE" not in text
    assert "1234" not in repr(token_signer.parse(token.uri))


@needs_softhsm
@pytest.mark.parametrize(
    "change",
    [("token=gate", "token=other"), ("object=signing", "object=missing"), (str(MODULE), "/nope.so")],
)
def test_a_token_that_cannot_be_used_says_why(token: SoftToken, change: tuple[str, str]) -> None:
    with pytest.raises(TokenTrouble, match="check that it is plugged in"):
        TokenSigner(token.uri.replace(*change))


@needs_softhsm
@pytest.mark.parametrize(
    "change,code,said", [(("", ""), 0, "key "), (("pin-source", "pin-value=0000&x"), 1, "PIN"), (("token=gate", ""), 2, "PKCS#11 URI")]
)
def test_the_label_of_a_key_in_a_token(token: SoftToken, tmp_path: Path, change: tuple[str, str], code: int, said: str) -> None:
    command = [
        sys.executable,
        "-m",
        "edge_agent",
        "enrol",
        "--label",
        "--token",
        token.uri.replace(*change),
        "--state",
        str(tmp_path / "state"),
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "state" / identity.FOLDER / identity.SIGNING_KEY).exists() == (code == 0)


@needs_softhsm
def test_a_lost_session_is_opened_anew_for_every_signer(token: SoftToken) -> None:
    signers = [TokenSigner(token.uri, make=True), TokenSigner(token.uri)]
    pkcs11.lib(str(MODULE)).finalize()  # as when the token's driver is restarted
    for signer in signers:
        signers[0].public_key().verify(signer.sign(b"data"), b"data")


@needs_softhsm
def test_an_unplugged_token_is_said_each_time_and_signs_again_once_it_is_back(token: SoftToken) -> None:
    signer = TokenSigner(token.uri, make=True)
    token.unplug()
    for _ in range(2):
        with pytest.raises(TokenTrouble, match="token gate, key signing: "):
            signer.sign(b"data")
    token.plug()
    signer.public_key().verify(signer.sign(b"data"), b"data")


@needs_softhsm
def test_another_key_under_the_same_name_signs_nothing(token: SoftToken) -> None:
    signer = TokenSigner(token.uri, make=True)
    session = pkcs11.lib(str(MODULE)).get_token(token_label="gate").open(rw=True)
    for kind in (pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.ObjectClass.PUBLIC_KEY):
        session.get_key(kind, label="signing").destroy()
    other = TokenSigner(token.uri, make=True)
    with pytest.raises(TokenTrouble, match="signs with another key than before"):
        signer.sign(b"data")
    other.public_key().verify(other.sign(b"data"), b"data")


@needs_softhsm
def test_a_wrong_pin_is_tried_once_for_a_token_counts_them(token: SoftToken) -> None:
    signer = TokenSigner(token.uri, make=True)
    token.pin_file.write_text("999999")
    pkcs11.lib(str(MODULE)).finalize()
    with pytest.raises(TokenTrouble, match="PIN"):
        signer.sign(b"data")
    session = pkcs11.lib(str(MODULE)).get_token(token_label="gate").open(rw=True, user_pin="1234")
    session.set_pin("1234", "999999")
    session.close()
    with pytest.raises(TokenTrouble, match="PIN"):
        signer.sign(b"data")  # it would be right now
    session = pkcs11.lib(str(MODULE)).get_token(token_label="gate").open(rw=True, user_pin="999999")
    session.set_pin("999999", "123456")
    session.close()
    token.pin_file.write_text("123456")
    signer.public_key().verify(signer.sign(b"data"), b"data")


@needs_softhsm
def test_an_agent_that_starts_before_its_token_is_to_be_started_again(token: SoftToken, tmp_path: Path) -> None:
    settings = agent_shell.enrolled(config(tmp_path), 8883)
    TokenSigner(token.uri, make=True)
    (settings.state / identity.FOLDER / identity.SIGNING_KEY).write_text(token.uri)
    token.unplug()
    done = agent_shell.gate_agent("run", "--config", settings.file)
    assert (done.returncode, "check that it is plugged in" in done.stderr) == (1, True)  # 2 would say: mend the configuration first


def test_a_missing_pin_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(TokenTrouble, match="PIN cannot be read"):
        token_signer.parse(f"pkcs11:token=gate;object=signing?module-path=/x.so&pin-source=file:{tmp_path}/none")


@pytest.mark.parametrize(
    "uri", ["", "pkcs11:", "pkcs11:token=a;object=b?module-path=/x", "pkcs11:token=a?module-path=/x&pin-value=1", "file:/x"]
)
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="not a PKCS#11 URI"):
        token_signer.parse(uri)
