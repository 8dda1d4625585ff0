"""What the province proves itself with ends too: listed, warned of, renewed for the same keys or new ones, whole or not at all."""

from __future__ import annotations

import itertools
import logging
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from no_descriptors import no_file_can_be_opened
from old_province import founded_ago, here
from province_world import cli, json_lines

from province.base import files, key_pair
from province.base.clock import now_ms
from province.base.errors import ProvinceError
from province.base.fresh import Fresh
from province.base.layout import Layout
from province.keys.officers import load_officer
from province.keys.terms import CLIENTS, DAY_MS, OFFICERS, Role, Watch, file_of, term, terms
from province.keys.tls_authority import TlsAuthority
from province.registry import certificates
from province.trust import renewing
from province.trust.renewing import Renewal

TLS = (Role.BROKER, *CLIENTS, Role.DOOR)


@pytest.fixture
def aged(tmp_path: Path) -> Layout:
    """A province of 700 days, its root in a safe."""
    layout = founded_ago(tmp_path / "province", 700)
    layout.root_folder.rename(tmp_path / "safe")
    return layout


def keys(layout: Layout) -> dict[Role, bytes]:
    return {role: renewing._key_of(layout, role).read_bytes() for role in (*TLS, *OFFICERS)} | {
        Role.AUTHORITY: layout.authority_key.read_bytes()
    }


def assert_whole(layout: Layout) -> None:
    """Every certificate is for the key beside it, and of this province."""
    authority = TlsAuthority.load(layout.authority_key, layout.authority_certificate)
    for role in TLS:
        certificate = x509.load_pem_x509_certificate(file_of(layout, role).read_bytes())
        certificate.verify_directly_issued_by(authority.certificate)
        key = serialization.load_pem_private_key(file_of(layout, role).with_suffix(".key").read_bytes(), None)
        assert certificate.public_key() == key.public_key()
    for power in OFFICERS.values():
        load_officer(layout, power)
    assert not list(layout.root.rglob("*coming*"))


def test_the_list_says_what_is_due_and_only_that_is_renewed(aged: Layout) -> None:
    listed = here("certificates", "list", aged.root, "--json")
    found = {one["role"]: one for one in json_lines(listed.stdout)}
    assert list(found) == list(Role)
    due = {role for role, one in found.items() if one["due"]}
    assert (listed.returncode, due) == (1, {"broker", *map(str, CLIENTS)})
    assert {one["days_left"] for one in found.values()} == {30, 2951}
    before = {role: file_of(aged, role).read_bytes() for role in Role}
    had = keys(aged)
    renewed = here("certificates", "renew", aged.root, "--reload", "true")
    assert (renewed.returncode, renewed.stdout.count("same key")) == (0, 1 + len(CLIENTS)), renewed.stderr
    assert {role for role in Role if file_of(aged, role).read_bytes() != before[role]} == due
    assert keys(aged) == had
    assert_whole(aged)
    assert here("certificates", "list", aged.root).returncode == 0
    assert "Nothing is due" in here("certificates", "renew", aged.root).stdout


def test_officers_wait_for_the_root_and_the_others_do_not(aged: Layout) -> None:
    before = {role: file_of(aged, role).read_bytes() for role in Role}
    ran = here("certificates", "renew", aged.root, "--all", "--reload", "true")
    assert ran.returncode == 1
    assert f"{', '.join(OFFICERS)}: not renewed" in ran.stderr
    assert f"{aged.root_key} is not there" in ran.stderr
    assert {role for role in Role if file_of(aged, role).read_bytes() == before[role]} == set(OFFICERS)
    for path in (aged.root.parent / "safe", aged.root.parent / "safe" / "root.key"):  # the folder as it lies in the safe, or the file
        assert here("certificates", "renew", aged.root, "receipts", "--root", path).returncode == 0
    assert term(aged, Role.RECEIPTS).days_left(now_ms()) > 3650 > term(aged, Role.TICKETS).days_left(now_ms())


def test_new_keys_for_all_that_may_have_them_and_the_old_ones_are_shut_out(aged: Layout) -> None:
    had, old = keys(aged), x509.load_pem_x509_certificate(file_of(aged, Role.COLLECTOR).read_bytes())
    ran = here("certificates", "renew", aged.root, "--all", "--new-keys", "--root", aged.root.parent / "safe", "--reload", "true")
    assert ran.returncode == 0, ran.stderr
    has = keys(aged)
    assert {role for role in has if has[role] == had[role]} == {Role.AUTHORITY}
    assert_whole(aged)
    assert not any(one.is_due(now_ms()) for one in terms(aged))
    revoked = x509.load_pem_x509_crl(aged.revocations.read_bytes())
    assert revoked.get_revoked_certificate_by_serial_number(old.serial_number) is not None
    assert all((path.stat().st_mode & 0o077) == 0 for path in aged.root.rglob("*.key"))


@pytest.mark.parametrize(
    "words, told",
    [
        (("nobody",), "'nobody' is not one"),
        (("broker", "--all"), "--all says it already"),
        (("authority", "--new-keys"), "its key stays"),
        (("--new-keys",), "name the ROLEs"),
        (("tickets", "--root", "/nowhere/root"), "/nowhere/root: cannot be read"),
    ],
)
def test_a_wrong_wish_changes_nothing_and_says_why(layout: Layout, words: tuple[str, ...], told: str) -> None:
    before = {role: file_of(layout, role).read_bytes() for role in Role}
    ran = here("certificates", "renew", layout.root, *words)
    assert (ran.returncode, told in ran.stderr) == (2, True), ran.stderr
    assert {role: file_of(layout, role).read_bytes() for role in Role} == before


def test_a_broker_that_cannot_be_told_is_said(layout: Layout) -> None:
    ran = here("certificates", "renew", layout.root, "broker")
    assert (ran.returncode, "the broker goes on with what it read before" in ran.stderr) == (1, True)
    ran = here("certificates", "renew", layout.root, "broker", "--reload", "false")
    assert (ran.returncode, "returned non-zero" in ran.stderr) == (1, True)
    assert here("certificates", "renew", layout.root, "door").returncode == 0, "nobody has to be told"


def cut_exchange(layout: Layout, role: Role, step: int, patched: pytest.MonkeyPatch) -> None:
    """Gives a new key, and fails before it lies there (1), before the certificate counts (2), or before the key takes its place (3)."""
    root = serialization.load_pem_private_key(layout.root_key.read_bytes(), None)
    assert isinstance(root, Ed25519PrivateKey)
    write, take, steps = files.write_atomically, Path.replace, itertools.count(1)

    def written(path: Path, data: bytes, mode: int = 0o600) -> None:
        if next(steps) == step:
            raise OSError(5, "cut")
        write(path, data, mode)

    def taken(path: Path, target: Path) -> Path:
        if path.name.endswith("coming.key"):
            raise OSError(5, "cut")
        return take(path, target)

    patched.setattr(key_pair, "write_atomically", written)
    if step == 3:
        patched.setattr(Path, "replace", taken)
    with pytest.raises(OSError, match="cut"):
        Renewal(layout, now_ms(), new_keys=True, root=root).renew(role)


@pytest.mark.parametrize("role", [Role.BROKER, Role.RECEIPTS])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_an_exchange_cut_short_is_finished_by_whoever_starts_next(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, role: Role, step: int
) -> None:
    had = keys(layout)[role]
    with monkeypatch.context() as patched:
        cut_exchange(layout, role, step, patched)
    renewing.finish_exchanges(layout)
    assert_whole(layout)
    assert (keys(layout)[role] == had) == (step < 3)
    assert here("certificates", "renew", layout.root, role, "--new-keys", "--reload", "true").returncode == 0
    assert_whole(layout)


@pytest.mark.parametrize("role", CLIENTS)
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_key_is_shut_out_once_another_is_in_use_and_not_before(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, role: Role, step: int
) -> None:
    """An exchange that failed must not shut a running collector out with the next list, whoever writes that."""

    def used() -> int:
        return x509.load_pem_x509_certificate(file_of(layout, role).read_bytes()).serial_number

    first = used()
    with monkeypatch.context() as patched:
        cut_exchange(layout, role, step, patched)
    for finished in (False, True):
        if finished:
            renewing.finish_exchanges(layout)
        Renewal(layout, now_ms()).renew(Role.REVOCATIONS)
        assert used() not in certificates.listed(layout)
        assert (first in certificates.listed(layout)) is (first != used()) is (step == 3)
    Renewal(layout, now_ms(), new_keys=True).renew(role)
    assert first in certificates.listed(layout)
    assert used() not in certificates.listed(layout)
    file_of(layout, role).write_bytes(b"torn")
    listed = certificates.listed(layout)
    Renewal(layout, now_ms()).renew(Role.REVOCATIONS)
    assert certificates.listed(layout) == listed


def test_what_ends_is_told_once_a_day(aged: Layout, caplog: pytest.LogCaptureFixture) -> None:
    watch, now = Watch(aged), now_ms()
    for later_ms in (0, 60_000, DAY_MS - 1):
        watch.tell(now + later_ms)
    told = [record.getMessage() for record in caplog.records]
    assert [line.split()[2] for line in told] == ["broker", *map(str, CLIENTS)]
    assert all("in 30 days" in line and f"certificates renew {aged.root} " in line for line in told)
    caplog.clear()
    watch.tell(now + 31 * DAY_MS)
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert len(caplog.records) == 1 + len(CLIENTS)


def test_the_collector_warns_when_it_starts(aged: Layout) -> None:
    ran = cli("collect", aged.root, "--broker", "nonsense")
    assert ran.returncode == 2
    (aged.keystore / "province.id").unlink()  # so that it ends by itself, after it has looked
    ran = cli("collect", aged.root)
    assert "certificate of broker ends on" in ran.stderr


def test_what_cannot_be_used_leaves_what_was_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, other = tmp_path / "a", tmp_path / "b"
    file.write_text("1")

    def make() -> int:
        try:
            return int(file.read_text())
        except ValueError:
            raise ProvinceError("no number") from None

    kept = Fresh([file, tmp_path / "missing"], make)
    assert kept.now() == 1
    for text, expected in (("two", 1), ("3", 3)):
        other.write_text(text)
        other.rename(file)
        assert kept.now() == expected
    assert "going on with what was there before" in caplog.text
    file.write_text("four")
    with pytest.raises(ProvinceError):
        Fresh([file], make)


def test_what_could_not_be_read_once_is_said_once_and_read_the_next_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, coming = tmp_path / "a", tmp_path / "b"
    file.write_text("1")
    kept = Fresh([file], file.read_text)
    coming.write_text("2")
    coming.rename(file)
    with no_file_can_be_opened():
        assert [kept.now(), kept.now()] == ["1", "1"]
    assert [kept.now(), kept.now()] == ["2", "2"]
    assert caplog.text.count("Too many open files") == 1


def test_a_certificate_that_lies_elsewhere_is_said_and_does_not_hide_the_others(layout: Layout) -> None:
    file_of(layout, Role.BROKER).unlink()
    file_of(layout, Role.KEYRING).write_bytes(b"torn")
    ran = here("certificates", "list", layout.root)
    assert ran.returncode == 1
    assert str(file_of(layout, Role.BROKER)) in ran.stdout
    assert "damaged" in ran.stdout
    assert ran.stdout.count("3651") >= 5
    Watch(layout).tell(now_ms())  # what is not here is nobody's warning
