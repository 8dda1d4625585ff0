"""`gate-agent reset --new-keys` with keys that lie elsewhere than in the state folder: in a token, or among systemd's credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import agent_shell
import pkcs11
import pytest
from agent_shell import enrolled, gate_agent, running
from real_broker import Authority, Config, bundle, write_bundle
from sealed_examples import NAME
from soft_token import MODULE, SoftToken, needs_softhsm, soft_token

from edge_agent.device import device_keys, identity, resetting, token_signer
from edge_agent.device.documents import Documents
from edge_agent.device.identity import BadIdentity
from edge_agent.device.token_signer import TokenSigner, TokenTrouble
from edge_agent.enrolment import enrol, reset

settings = agent_shell.settings


@pytest.fixture
def token(tmp_path: Path) -> Iterator[SoftToken]:
    with soft_token(tmp_path / "token") as token:
        yield token


def key_file(state: Path) -> Path:
    return state / identity.FOLDER / identity.SIGNING_KEY


def public(state: Path) -> bytes:
    """The signing key's public half, as an agent finds it that starts now."""
    return device_keys.load_or_make(state).signing.public_key().public_bytes_raw()


def private_keys(token: SoftToken) -> list[str]:
    session = token_signer._library(str(MODULE)).session(token_signer.parse(token.uri))
    return [key.label for key in session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY})]


@needs_softhsm
def test_a_key_in_a_token_gives_way_to_another_there(token: SoftToken, tmp_path: Path) -> None:
    state, seen = tmp_path / "state", set()
    device_keys.load_or_make(state, token.uri)
    for _ in range(3):
        seen.add(public(state))
        reset.reset(state, discard=0, new_keys=True)
        [label] = private_keys(token)
        assert token_signer.parse(key_file(state).read_text()).label == label
    assert len({public(state), *seen}) == 4
    with pytest.raises(TokenTrouble, match="No key"):
        TokenSigner(token.uri)  # the old one is gone
    assert device_keys.load_or_make(state, token.uri).signing.public_key().public_bytes_raw() == public(state)


@needs_softhsm
def test_it_is_cut_short_and_whoever_starts_finds_the_new_key(token: SoftToken, tmp_path: Path) -> None:
    state = tmp_path / "state"
    before = device_keys.load_or_make(state, token.uri).signing.public_key().public_bytes_raw()
    signing = token_signer.make_another(token.uri)
    with closing(Documents(state)) as documents:
        documents.put(resetting.DOCUMENT, asdict(resetting.Plan({}, 0, new_keys=True, signing=signing)))
    token.unplug()
    resetting.finish(state)  # needs no token
    token.plug()
    assert key_file(state).read_text() == signing
    assert public(state) == TokenSigner(signing).public_key().public_bytes_raw() != before


@needs_softhsm
def test_a_token_that_is_away_makes_no_new_key_and_all_stays(token: SoftToken, tmp_path: Path) -> None:
    state = tmp_path / "state"
    before = device_keys.load_or_make(state, token.uri).signing.public_key().public_bytes_raw()
    token.unplug()
    done = gate_agent("reset", "--new-keys", "--state", state)
    assert (done.returncode, "nothing was changed" in done.stderr) == (1, True), done.stderr
    token.plug()
    assert (public(state), key_file(state).read_text()) == (before, token.uri)


@needs_softhsm
def test_a_key_in_a_file_is_not_passed_off_as_one_in_a_token(token: SoftToken, tmp_path: Path) -> None:
    device_keys.load_or_make(tmp_path / "state")
    done = gate_agent("enrol", "--label", "--token", token.uri, "--state", tmp_path / "state")
    assert (done.returncode, "reset --new-keys" in done.stderr) == (1, True)
    reset.reset(tmp_path / "state", discard=0, new_keys=True)
    assert gate_agent("enrol", "--label", "--token", token.uri, "--state", tmp_path / "state").returncode == 0
    assert private_keys(token) == ["signing"]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of a device whose services were given its keys as credentials, and have started once; a shell sees none."""
    state, credentials = tmp_path / "state", tmp_path / "credentials"
    device_keys.load_or_make(tmp_path / "made")
    credentials.mkdir()
    for name in (identity.SIGNING_KEY, identity.TLS_KEY):
        (credentials / f"gate-scanner.{name}").write_bytes((tmp_path / "made" / identity.FOLDER / name).read_bytes())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert public(state) == public(tmp_path / "made")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    return state


@pytest.mark.parametrize("words", [("enrol", "--label"), ("reset", "--new-keys")])
def test_a_shell_makes_no_keys_beside_credentials(served: Path, words: tuple[str, ...]) -> None:
    done = gate_agent(*words, "--state", served)
    assert done.returncode == 1
    assert "systemd credential" in done.stderr
    assert not done.stdout
    assert identity.credentials(served / identity.FOLDER) == [identity.SIGNING_KEY, identity.TLS_KEY]
    reset.reset(served, discard=0, new_keys=False)  # for another owner: its keys stay
    assert identity.credentials(served / identity.FOLDER) == [identity.SIGNING_KEY, identity.TLS_KEY]


def test_a_bundle_does_not_put_keys_beside_credentials(served: Path) -> None:
    done = gate_agent("enrol", write_bundle(served, bundle(Authority(), 8883)), "--state", served)
    assert (done.returncode, "Use a ticket" in done.stderr) == (1, True)


def test_a_shell_takes_nothing_of_the_services_for_damaged(settings: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the services have started with the credential for the first time, and after."""
    enrolled(settings, 8883)
    credentials, file = tmp_path / "credentials", key_file(settings.state)
    credentials.mkdir()
    file.rename(credentials / "gate-scanner.signing.key")
    made = gate_agent("enrol", "--label", "--config", settings.file)
    asked = gate_agent("enrol", "--request", tmp_path / "request.json", "--config", settings.file)
    shown = gate_agent("status", "--config", settings.file)
    for said in (made.stderr, asked.stderr, shown.stdout):
        assert "its signing key is not here. Is it a systemd credential (gate-scanner.signing.key)?" in said
    assert (made.returncode, asked.returncode, file.exists()) == (1, 1, False)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    with running(settings) as agent:
        agent.until("carrying entries of")
        monkeypatch.delenv("CREDENTIALS_DIRECTORY")
        shown = gate_agent("status", "--config", settings.file)
        assert f"device    {NAME}\n          {file}: this key is a systemd credential" in shown.stdout
        assert "damaged" not in shown.stdout
        assert "nrol this device" not in shown.stdout
        assert json.loads(gate_agent("status", "--json", "--config", settings.file).stdout)["device"] == str(NAME)


def test_a_member_whose_keys_are_credentials_says_so_in_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    enrol.install(enrol.read_bundle(write_bundle(tmp_path, bundle(Authority(), 8883))), tmp_path)
    (tmp_path / "gate-scanner.signing.key").write_bytes(key_file(tmp_path).read_bytes())
    key_file(tmp_path).unlink()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert identity.load(tmp_path).name == NAME
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(BadIdentity, match="only the services are given"):
        identity.load(tmp_path)
    device_keys.load_or_make(tmp_path / "other")
    key_file(tmp_path).write_bytes(key_file(tmp_path / "other").read_bytes())  # somebody put a key there all the same
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert identity.load(tmp_path).name == NAME
    assert "which counts: remove the file" in caplog.text
