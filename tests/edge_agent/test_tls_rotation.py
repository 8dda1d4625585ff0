"""A TLS key and its certificate are exchanged together: whenever the power goes, the device has one whole pair."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from real_broker import Authority, bundle, named, write_bundle

from edge_agent.commands import rotating as module
from edge_agent.commands.executors import Failed, Job
from edge_agent.commands.rotating import RotateKeys
from edge_agent.device import device_keys, identity, known_time
from edge_agent.device.device_keys import DeviceKeys
from edge_agent.device.identity import FOLDER, TLS_CERTIFICATE, TLS_KEY, BadIdentity
from edge_agent.enrolment import enrol, tls_rotation
from edge_agent.enrolment.certificate_keeper import CertificateKeeper


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    enrol.install(enrol.read_bundle(write_bundle(tmp_path, bundle(Authority(), 8883))), state)
    return state


def fits(state: Path) -> bool:
    certificate = known_time.read_certificate(state / FOLDER / TLS_CERTIFICATE)
    key = load_pem_private_key((state / FOLDER / TLS_KEY).read_bytes(), None)
    return certificate is not None and certificate.public_key() == key.public_key()


def certify(state: Path, keys: DeviceKeys) -> None:
    """The certificate comes, and takes the place of the old one."""
    authority = Authority()
    (state / FOLDER / TLS_CERTIFICATE).write_text(authority._sign(keys.tls, named("bus-co/scanner-1"), authority=False, host=None))


def test_before_the_certificate_comes_the_old_pair_counts(state: Path) -> None:
    before = tls_rotation.fingerprint(state)
    tls_rotation.begin(state)
    assert fits(state)
    tls_rotation.finish(state)
    assert fits(state)
    assert tls_rotation.fingerprint(state) == before
    assert not list((state / FOLDER).glob("*coming*"))


def test_from_the_certificate_on_the_new_pair_counts(state: Path) -> None:
    before = tls_rotation.fingerprint(state)
    certify(state, tls_rotation.begin(state))
    assert not fits(state)  # the power goes here
    tls_rotation.finish(state)
    assert fits(state)
    assert tls_rotation.fingerprint(state) != before
    tls_rotation.finish(state)
    assert fits(state)


def test_a_torn_new_key_is_thrown_away(state: Path) -> None:
    tls_rotation.begin(state)
    (state / FOLDER / "tls.coming.key").write_bytes(b"torn")
    tls_rotation.finish(state)
    assert fits(state)


def test_a_credential_is_not_exchanged_here(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = tmp_path / "credentials"
    given.mkdir()
    (given / "gate-scanner.tls.key").write_bytes((state / FOLDER / TLS_KEY).read_bytes())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    with pytest.raises(tls_rotation.NotHere):
        tls_rotation.begin(state)


def test_without_a_signing_key_there_is_none_to_ask_with(state: Path) -> None:
    (state / FOLDER / "signing.key").write_bytes(b"torn")
    with pytest.raises(BadIdentity):
        device_keys.load(state)


def test_a_rotation_found_running_is_told_by_the_key(state: Path) -> None:
    rotating = RotateKeys(CertificateKeeper(identity.load(state), state), state)
    job = Job((), rotating.before(()), lambda _seconds: False, 1, lambda _data: None)
    with pytest.raises(Failed, match="order it anew"):
        rotating.found_running(job)
    certify(state, tls_rotation.begin(state))
    tls_rotation.finish(state)
    rotating.found_running(job)


def test_a_province_that_does_not_answer_leaves_the_old_pair(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ANSWER_S", 0.0)
    rotating = RotateKeys(CertificateKeeper(identity.load(state), state), state)
    with pytest.raises(Failed) as caught:
        rotating.carry_out(Job((), rotating.before(()), lambda _seconds: False, 1, lambda _data: None))
    assert caught.value.reason == "no-answer"
    tls_rotation.finish(state)
    assert fits(state)
