"""`gate-province init` and `device`: what they make, with which rights, and what they refuse."""

from __future__ import annotations

import json
import stat
from base64 import b64decode
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from province_world import Broker, cli, founded, free_port, json_lines, scanner, settings

from edge_agent.wire import keyring, sealing
from edge_agent.wire.authority import Power
from edge_agent.wire.keyring import UNDATED, day_of
from edge_agent.wire.sealing import Suite
from province.__main__ import main
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.day_keys import DayKeys
from province.keys.keystore import Keystore
from province.keys.officers import load_officer, read_root_public
from province.trust import founding
from province.trust.keyring_office import KeyringOffice

PUBLIC_FILES = {
    "root.pub",
    "keyring.cose",
    "ca.crt",
    "ca.crl",
    "server.crt",
    "client.crt",
}
DEVICE = ("--org", "cho-dong-ba", "--device", "cong-1", "--site", "Chợ Đông Ba", "--gate", "Cổng chính")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("suite", ["xwing", "x25519"])
def test_init_makes_all_of_it_with_the_right_modes_and_mosquitto_takes_the_config(tmp_path: Path, suite: str) -> None:
    made = cli("init", tmp_path / "p", "--name", "Tỉnh Thừa Thiên Huế", "--port", free_port(), "--bind", "127.0.0.1", "--suite", suite)
    assert (made.returncode, made.stderr) == (0, "")
    assert "offline" in made.stdout
    layout = Layout(tmp_path / "p")
    for path in (layout.root, *layout.root.rglob("*")):
        expected = 0o700 if path.is_dir() else 0o644 if path.name in PUBLIC_FILES else 0o600
        assert mode(path) == expected, path
    assert len(list(layout.keystore.glob("[0-9]*.json"))) == 47  # yesterday, today and 45 days ahead
    signed = keyring.verify(layout.keyring.read_bytes(), read_root_public(layout), now_ms())
    assert (signed.counter, len(signed.keys), signed.keys[-1].epoch) == (1, 48, UNDATED)
    assert all(key.suite is {"xwing": Suite.XWING, "x25519": Suite.X25519}[suite] for key in signed.keys)
    with Broker(layout) as broker:
        assert "Error" not in broker.log()


def test_a_province_may_have_the_longest_name_of_letters_that_take_two_bytes(tmp_path: Path) -> None:
    made = cli("init", tmp_path / "p", "--name", "Đ" * 100, "--days", "1")
    assert (made.returncode, made.stderr) == (0, "")


def test_private_halves_open_what_the_keyring_seals(layout: Layout) -> None:
    signed = keyring.verify(layout.keyring.read_bytes(), read_root_public(layout))
    for key in signed.keys:
        if key.epoch == UNDATED:
            assert json.loads(layout.undated_key.read_text())["public"]
        else:
            keys = Keystore(layout.keystore).load(key.epoch)
            assert isinstance(keys, DayKeys)
            assert keys.public == key
            sealed = sealing.seal(b"anything", keys.pair.suite, key.sealing_key().public, b"")
            assert sealing.unseal(sealed, keys.pair.suite, keys.private, b"") == b"anything"


@pytest.mark.parametrize("what", ["province", "file", "other"])
def test_nothing_is_ever_overwritten(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "p"
    if what == "province":
        founded(folder)
    elif what == "file":
        folder.write_text("mine")
    else:
        folder.mkdir()
        (folder / "mine").write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = cli("init", folder)
    assert (again.returncode, "never overwritten" in again.stderr) == (2, True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_empty_folder_will_do_and_a_missing_parent_will_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    founded(tmp_path / "empty")
    refused = cli("init", tmp_path / "missing" / "p")
    assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)


@pytest.mark.parametrize(
    "words", [("--port", "0"), ("--days", "91"), ("--days", "0"), ("--host", "a b"), ("--name", ""), ("--bind", "x\ny")]
)
def test_wrong_choices_are_refused(tmp_path: Path, words: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "p"), *words]) == 2
    assert capsys.readouterr().err.startswith("gate-province: ")
    assert not (tmp_path / "p").exists()


def test_a_uid_without_a_name_makes_a_province_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 4_000_123)  # as in a container started with --user
    config = founded(tmp_path / "p").broker_config.read_text()
    assert "uid 4000123" in config
    assert not any(line.startswith("user ") for line in config.splitlines())
    monkeypatch.undo()
    assert any(line.startswith("user ") for line in founded(tmp_path / "q").broker_config.read_text().splitlines())


def test_the_largest_keyring_fits(tmp_path: Path) -> None:
    made = founding.found(tmp_path / "p", settings(days=founding.AHEAD_MOST_DAYS, suite=Suite.XWING), now_ms())
    assert len(keyring.verify(made.keyring.read_bytes(), read_root_public(made)).keys) == founding.AHEAD_MOST_DAYS + 3


def test_the_bundle_has_all_a_device_needs_and_the_province_keeps_the_public_halves(layout: Layout, tmp_path: Path) -> None:
    out = tmp_path / "bundle.json"
    added = cli("device", "add", layout.root, *DEVICE, "--broker-host", "mqtt.example.vn", "--broker-port", 8884, "--out", out)
    assert (added.returncode, added.stderr, mode(out)) == (0, "", 0o600)
    bundle = json.loads(out.read_text("utf-8"))
    assert list(bundle) == [
        "format", "org", "device", "site", "gate", "broker", "door", "root", "signing_key_pem", "tls_key_pem", "tls_certificate_pem",
        "broker_ca_pem", "keyring",
    ]  # fmt: skip
    assert bundle["format"] == "gate-scanner-bundle/1"
    assert (bundle["site"], bundle["broker"]) == ("Chợ Đông Ba", {"host": "mqtt.example.vn", "port": 8884})
    root = Ed25519PublicKey.from_public_bytes(b64decode(bundle["root"]))
    assert keyring.verify(b64decode(bundle["keyring"]), root, now_ms()).counter == 1
    certificate = x509.load_pem_x509_certificate(bundle["tls_certificate_pem"].encode())
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(bundle["broker_ca_pem"].encode()))
    assert certificate.subject.rfc4514_string() == "CN=cho-dong-ba/cong-1"
    key = load_pem_private_key(bundle["signing_key_pem"].encode(), None)
    assert isinstance(key, Ed25519PrivateKey)
    [listed] = json_lines(cli("device", "list", layout.root, "--json").stdout)
    assert (listed["public_key"], listed["status"]) == (key.public_key().public_bytes_raw().hex(), "active")
    assert listed["certificate_serial"] == str(certificate.serial_number)
    assert "cho-dong-ba/cong-1" in cli("device", "list", layout.root).stdout
    private = [bundle["signing_key_pem"].splitlines()[1].encode(), bundle["tls_key_pem"].splitlines()[2].encode(), key.private_bytes_raw()]
    assert not any(secret in path.read_bytes() for secret in private for path in layout.root.rglob("*") if path.is_file())


def test_a_device_is_added_once_and_a_bundle_never_overwritten(layout: Layout, tmp_path: Path) -> None:
    out = tmp_path / "bundle.json"
    out.write_text("mine")
    refused = cli("device", "add", layout.root, *DEVICE, "--out", out)
    assert (refused.returncode, out.read_text()) == (2, "mine")
    assert cli("device", "add", layout.root, *DEVICE, "--out", tmp_path / "nowhere" / "b").returncode == 1
    assert json_lines(cli("device", "list", layout.root, "--json").stdout) == []  # a bundle not handed over registers nobody
    assert cli("device", "add", layout.root, *DEVICE, "--out", tmp_path / "b1").returncode == 0
    again = cli("device", "add", layout.root, *DEVICE, "--out", tmp_path / "b2")
    assert (again.returncode, "registered already" in again.stderr, (tmp_path / "b2").exists()) == (2, True, False)


@pytest.mark.parametrize(
    "change", [("--org", "province"), ("--org", "A"), ("--device", "a/b"), ("--device", "+"), ("--site", ""), ("--gate", "x" * 101)]
)
def test_names_that_cannot_be_are_refused(
    layout: Layout, change: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["device", "add", str(layout.root), *DEVICE, "--out", str(tmp_path / "b"), *change]) == 2
    assert "gate-province: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [("device", "list"), ("collect",), ("entries",), ("logs",), ("quarantine",), ("find", "--id", "1", "--reason", "case 1")]
)
def test_a_folder_that_is_no_province_is_told(tmp_path: Path, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, str(tmp_path)]) == 2
    assert "gate-province init" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["{", "[]", '{"format": "gate-scanner-province/1"}', '{"format": "other"}'])
def test_damaged_settings_are_told(layout: Layout, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    layout.settings_file.write_text(damage)
    assert main(["logs", str(layout.root)]) == 2
    assert "province.json" in capsys.readouterr().err


def test_the_root_and_the_undated_key_are_not_needed_once_away(layout: Layout, tmp_path: Path) -> None:
    layout.root_key.unlink()
    layout.undated_key.unlink()
    scanner(layout, tmp_path)
    office = KeyringOffice(layout, layout.read_settings(), load_officer(layout, Power.KEYRING))
    assert office.extend(now_ms() + 86_400_000)


def test_a_new_day_makes_a_longer_keyring_with_a_higher_counter(layout: Layout) -> None:
    office = KeyringOffice(layout, layout.read_settings(), load_officer(layout, Power.KEYRING))
    today = day_of(now_ms())
    assert not office.extend(now_ms())
    later_ms = now_ms() + 3 * 86_400_000
    before = {key.epoch: key for key in keyring.verify(office.signed, read_root_public(layout)).keys}
    assert office.extend(later_ms)
    assert not office.extend(later_ms)
    after = keyring.verify(layout.keyring.read_bytes(), read_root_public(layout))
    assert (after.counter, after.issued_ms, office.last_day) == (2, later_ms, (today + timedelta(days=5)).isoformat())
    kept = [key for key in after.keys if key.epoch in before]
    assert kept == [before[key.epoch] for key in kept]
    assert len(kept) == 2  # one day that both know, and the undated key


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["init"], ["device"], ["device", "add"], ["collect"], ["entries"], ["logs"], ["quarantine"], ["find"]):
        with pytest.raises(SystemExit) as ended:
            main([*words, "--help"])
        assert ended.value.code == 0
        assert "examples:" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["collect", "entries", "logs"])
def test_a_damaged_register_is_told(layout: Layout, command: str) -> None:
    layout.register.write_bytes(b"no database at all" * 1000)
    told = cli(command, layout.root)
    assert (told.returncode, "restore it from a backup" in told.stderr, "Traceback" in told.stderr) == (1, True, False)
