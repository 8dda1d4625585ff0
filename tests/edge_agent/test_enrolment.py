"""Joining a province: a bundle is checked whole, installed whole, and what is left on the device is read back or clearly refused."""

from __future__ import annotations

import base64
import copy
import json
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from real_broker import Authority, bundle, pem, write_bundle
from sealed_examples import DAY, DEVICE, KEYRING_OFFICER, NAME, ROOT_PUBLIC, STRANGER, UNDATED_KEY, brief, officer

from edge_agent.base.process_lock import AlreadyRunning, ProcessLock
from edge_agent.device import identity, stored_keyring
from edge_agent.device.documents import FILE_NAME, Documents
from edge_agent.device.identity import BadIdentity, NotEnrolled
from edge_agent.enrolment import enrol, stick
from edge_agent.enrolment.enrol import BadBundle
from edge_agent.enrolment.takeover import AlreadyEnrolled
from edge_agent.store.outbox import FILE_NAME as OUTBOX
from edge_agent.store.recorder import Recorder
from edge_agent.wire import authority, keyring
from edge_agent.wire.authority import Power
from edge_agent.wire.keyring import Keyring

AUTHORITY = Authority()
GOOD = bundle(AUTHORITY, 8883)


@pytest.fixture
def good() -> dict[str, Any]:
    return copy.deepcopy(GOOD)


def install(folder: Path, fields: dict[str, Any], state: Path) -> None:
    enrol.install(enrol.read_bundle(write_bundle(folder, fields)), state)


def keyring_text(counter: int) -> str:
    made = keyring.issue(Keyring(counter, 1, (DAY, UNDATED_KEY)), KEYRING_OFFICER)
    return base64.b64encode(made).decode()


def test_a_device_that_was_enrolled_knows_who_it_is(tmp_path: Path, good: dict[str, Any]) -> None:
    install(tmp_path, good, tmp_path / "state")
    who = identity.load(tmp_path / "state")
    assert (who.name, who.site, who.gate) == (NAME, "Chợ Bến Thành", "Cổng Nam")
    assert who.signer.public_key() == DEVICE.public_key()
    assert who.root.public_bytes_raw() == ROOT_PUBLIC.public_bytes_raw()
    assert (who.endpoint.host, who.endpoint.port) == ("127.0.0.1", 8883)
    assert who.endpoint.key_file.read_text() == good["tls_key_pem"]
    assert stored_keyring.read(tmp_path / "state", who.root).counter == 7
    assert DEVICE.private_bytes_raw().hex() not in repr(who)
    assert "Ed25519PrivateKey" not in repr(who)


def test_what_is_private_is_for_its_owner_only(tmp_path: Path, good: dict[str, Any]) -> None:
    install(tmp_path, good, tmp_path / "state")
    for path in [tmp_path / "state", *(tmp_path / "state").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("key", GOOD)
@pytest.mark.parametrize("value", [None, "", 5, [], {}, "x" * 500, "absent", "\ud800"], ids=lambda value: ascii(value)[:9])
def test_each_part_of_a_bundle_is_checked_and_nothing_is_written(tmp_path: Path, good: dict[str, Any], key: str, value: Any) -> None:
    good[key] = value
    if value == "absent":
        del good[key]
    with pytest.raises(BadBundle, match=r"gate\.bundle\.json: "):
        install(tmp_path, good, tmp_path / "state")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "broker",
    [
        {"host": "", "port": 1}, {"host": "a", "port": 0}, {"host": "a", "port": 65536}, {"host": "a", "port": -1}, {"host": "a"},
        {"port": 1}, {"host": "a", "port": "1"}, {"host": "a", "port": True}, {"host": 5, "port": 1}, {"host": "a..b", "port": 1},
        {"host": "x" * 300, "port": 1},
    ],
    ids=repr,
)  # fmt: skip
def test_a_broker_is_an_address_that_can_be(tmp_path: Path, good: dict[str, Any], broker: object) -> None:
    good["broker"] = broker
    with pytest.raises(BadBundle, match=r"broker \(host, and port"):
        enrol.read_bundle(write_bundle(tmp_path, good))


WRONG_PARTS: dict[str, tuple[str, str, str]] = {
    "an organisation that cannot be": ("org", "Bus Co", "not a name"),
    "the reserved organisation": ("org", "province", "reserved"),
    "a site longer than an entry can say": ("site", "x" * 101, "site"),
    "a root of another size": ("root", base64.b64encode(bytes(31)).decode(), "32"),
    "a root that is not base64": ("root", "?" * 44, "."),
    "another root": ("root", base64.b64encode(STRANGER.public_key().public_bytes_raw()).decode(), "signature"),
    "a keyring of another officer": (
        "keyring",
        base64.b64encode(keyring.issue(Keyring(1, 1, (UNDATED_KEY,)), officer(Power.RECEIPTS))).decode(),
        "power",
    ),
    "a keyring cut short": ("keyring", keyring_text(1)[:400], "CBOR"),
    "a signing key of another kind": ("signing_key_pem", pem(ec.generate_private_key(ec.SECP256R1())), "Ed25519"),
    "a signing key of yet another kind": ("signing_key_pem", pem(ed448.Ed448PrivateKey.generate()), "Ed25519"),
    "a signing key that is a certificate": ("signing_key_pem", GOOD["tls_certificate_pem"], "."),
    "a TLS key of another certificate": ("tls_key_pem", AUTHORITY.issue("x")[0], "belong together"),
    "a certificate of another device": ("tls_certificate_pem", AUTHORITY.issue("bus-co/scanner-2")[1], "scanner-2"),
    "a broken certificate": ("tls_certificate_pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "."),
    "a broken authority": ("broker_ca_pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "authority"),
    "an authority that is not ASCII": ("broker_ca_pem", "chứng thư", "."),
}


@pytest.mark.parametrize("what", WRONG_PARTS)
def test_parts_that_do_not_fit_together_are_named(tmp_path: Path, good: dict[str, Any], what: str) -> None:
    key, value, said = WRONG_PARTS[what]
    good[key] = value
    with pytest.raises(BadBundle, match=said) as refused:
        enrol.read_bundle(write_bundle(tmp_path, good))
    assert "PRIVATE KEY" not in str(refused.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 200_000, b'"text"', b'{"format": "gate-scanner-bundle/2"}']
)
def test_a_file_that_is_not_a_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(BadBundle, match="gate-province device add"):
        enrol.read_bundle(tmp_path / "file")


@given(data=st.binary(max_size=200) | st.text(max_size=50).map(lambda text: json.dumps({"format": enrol.FORMAT, "org": text}).encode()))
@brief
def test_garbage_is_a_bad_bundle_and_nothing_worse(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.mktemp("bundle") / "file"
    file.write_bytes(data)
    with pytest.raises(BadBundle):
        enrol.read_bundle(file)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(BadBundle, match="cannot be read"):
            enrol.read_bundle(path)


def test_another_device_cannot_take_over_a_state_folder(tmp_path: Path, good: dict[str, Any]) -> None:
    install(tmp_path, good, tmp_path / "state")
    before = {path: path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()}
    good["device"] = "scanner-2"
    good["tls_key_pem"], good["tls_certificate_pem"] = AUTHORITY.issue("bus-co/scanner-2")
    with pytest.raises(AlreadyEnrolled, match="bus-co/scanner-1"):
        install(tmp_path, good, tmp_path / "state")
    assert {path: path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()} == before


def test_the_same_device_can_be_renewed_and_keeps_a_newer_keyring(tmp_path: Path, good: dict[str, Any]) -> None:
    state = tmp_path / "state"
    install(tmp_path, good, state)
    stored_keyring.accept(state, ROOT_PUBLIC, base64.b64decode(keyring_text(9)))
    good["broker"] = {"host": "mqtt.example.vn", "port": 8884}
    install(tmp_path, good, state)
    assert identity.load(state).endpoint.host == "mqtt.example.vn"
    assert stored_keyring.read(state, ROOT_PUBLIC).counter == 9


def test_enrolling_again_is_the_way_out_of_damaged_documents(tmp_path: Path, good: dict[str, Any]) -> None:
    state = tmp_path / "state"
    install(tmp_path, good, state)
    for name in (FILE_NAME, f"{FILE_NAME}.previous"):
        (state / name).write_bytes(b"torn")
    with pytest.raises(BadIdentity, match="enrol this device again"):
        identity.load(state)
    with pytest.raises(stored_keyring.NoKeyring, match="enrol this device again"):
        stored_keyring.read(state, ROOT_PUBLIC)
    install(tmp_path, good, state)
    assert identity.load(state).name == NAME


def test_a_device_that_was_never_enrolled_is_told_what_to_do(tmp_path: Path) -> None:
    for state in (tmp_path / "missing", tmp_path):
        with pytest.raises(NotEnrolled, match="gate-agent enrol BUNDLE"):
            identity.load(state)


@pytest.mark.parametrize(
    "content", [None, b"", b"torn", pem(ec.generate_private_key(ec.SECP256R1())).encode()], ids=["absent", "empty", "torn", "EC"]
)
def test_a_damaged_signing_key_is_said(tmp_path: Path, good: dict[str, Any], content: bytes | None) -> None:
    install(tmp_path, good, tmp_path / "state")
    file = tmp_path / "state" / identity.FOLDER / identity.SIGNING_KEY
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(BadIdentity, match="Enrol this device again" if content is not None else "If it is lost: gate-agent reset"):
        identity.load(tmp_path / "state")


@pytest.mark.parametrize("key", ["org", "device", "site", "gate", "root", "host", "port"])
def test_an_enrolment_with_a_part_missing_is_said(tmp_path: Path, good: dict[str, Any], key: str) -> None:
    install(tmp_path, good, tmp_path / "state")
    documents = Documents(tmp_path / "state")
    enrolment = documents.get(identity.ENROLMENT)
    assert enrolment is not None
    del enrolment[key]
    documents.put(identity.ENROLMENT, enrolment)
    documents.close()
    with pytest.raises(BadIdentity, match=key):
        identity.load(tmp_path / "state")


def another_key(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {"signing_key_pem": pem(Ed25519PrivateKey.generate())}


def test_another_provinces_bundle_of_the_same_name_takes_nothing_over(tmp_path: Path, good: dict[str, Any]) -> None:
    install(tmp_path, good, tmp_path / "state")
    elsewhere = Ed25519PrivateKey.generate()
    key = Ed25519PrivateKey.generate()
    certificate = authority.certify(authority.Certificate(Power.KEYRING, key.public_key(), 0, 2**50), elsewhere)
    theirs = keyring.issue(Keyring(1, 1, (DAY, UNDATED_KEY)), authority.Officer(key, certificate))
    foreign = good | {
        "root": base64.b64encode(elsewhere.public_key().public_bytes_raw()).decode(),
        "keyring": base64.b64encode(theirs).decode(),
    }
    with pytest.raises(AlreadyEnrolled, match="another province"):
        install(tmp_path, foreign, tmp_path / "state")
    assert identity.load(tmp_path / "state").root.public_bytes_raw() == ROOT_PUBLIC.public_bytes_raw()


def test_a_new_key_waits_until_what_the_old_one_signed_is_delivered(tmp_path: Path, good: dict[str, Any]) -> None:
    state = tmp_path / "state"
    install(tmp_path, good, state)
    with closing(Recorder(state / OUTBOX, 10**6)) as recorder:
        recorder.append(lambda _spot: b"sealed")
    with pytest.raises(AlreadyEnrolled, match="1 entries signed by the old key wait"):
        install(tmp_path, another_key(good), state)
    install(tmp_path, good, state)  # the same key may come again
    (state / OUTBOX).unlink()
    install(tmp_path, another_key(good), state)
    assert identity.load(state).signer.public_key() != DEVICE.public_key()


def test_a_running_gate_is_not_enrolled_under_its_feet(tmp_path: Path, good: dict[str, Any]) -> None:
    state = tmp_path / "state"
    install(tmp_path, good, state)
    lock = ProcessLock(state / "firmware.lock", "gate-firmware")
    with pytest.raises(AlreadyRunning, match="gate-firmware"):
        install(tmp_path, good, state)
    lock.release()
    install(tmp_path, good, state)


def test_a_request_for_the_stick_is_kept_beside_what_a_running_agent_writes(tmp_path: Path, good: dict[str, Any]) -> None:
    state = tmp_path / "state"
    install(tmp_path, good, state)
    before = (state / FILE_NAME).read_bytes()
    stick.write_request(tmp_path / "request.json", state)
    assert (state / FILE_NAME).read_bytes() == before
