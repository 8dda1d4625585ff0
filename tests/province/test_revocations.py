"""Revoked is for good: no backup of the register, of the list of certificates or of both makes a stolen device valid again."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from collector_alone import delivered
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from old_province import here, published, rows
from province_world import Log, Scanner

from edge_agent.device.device_keys import DeviceKeys
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire import joining
from edge_agent.wire.authority import Power
from edge_agent.wire.joining import Answer, Outcome, Wish
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.base.layout import Layout
from province.collecting.intake import Reason, Refused
from province.collecting.register import Stored
from province.joining.admission import Addresses, Admission
from province.keys.keystore import Keystore, KeystoreAway
from province.keys.officers import load_officer, read_root_public
from province.keys.tls_authority import TlsAuthority
from province.registry import certificates, devices, revocations
from province.registry.revocations import RevocationsDamaged
from province.registry.tickets import Grant
from province.shell.admit_command import _mend
from province.store import database
from province.trust import revoking

GRANT = Grant(DeviceName("bus-co", "scanner-1"), "Tuyến 8", "Cửa trước")
OTHER = replace(GRANT, name=DeviceName("bus-co", "scanner-2"))


def new_keys() -> DeviceKeys:
    return DeviceKeys(Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1()))


def authority(layout: Layout) -> TlsAuthority:
    return TlsAuthority.load(layout.authority_key, layout.authority_certificate)


def asked(layout: Layout, keys: DeviceKeys, grant: Grant = GRANT, wish: Wish = Wish.JOIN) -> Answer:
    """What a device is answered whom an operator lets in, or that asks for its next certificate over the broker."""
    addresses = Addresses(("127.0.0.1", 1), ("127.0.0.1", 1))
    admission = Admission(layout, authority(layout), load_officer(layout, Power.TICKETS), addresses)
    message = keys.request(wish)
    signed = admission.from_a_stick(message, grant, now_ms()) if wish is Wish.JOIN else admission.from_broker(message, grant.name, now_ms())
    return joining.read_answer(signed, message, read_root_public(layout))


def serial(answer: Answer) -> int:
    assert answer.membership is not None, answer.reason
    return x509.load_der_x509_certificate(answer.membership.certificate).serial_number


def revoke(layout: Layout, name: DeviceName = GRANT.name) -> None:
    """Shuts a device out of a province whose broker is not reached: that comes last."""
    with pytest.raises(revoking.StillOpen, match="could not be taken over"):
        revoking.revoke(layout, name, revoking.Broker(("127.0.0.1", 1), lambda: None), now_ms())


class Backup:
    """Register and list of revoked certificates as they were; never the keystore."""

    def __init__(self, layout: Layout, folder: Path) -> None:
        self._layout, self._folder = layout, folder
        with closing(sqlite3.connect(layout.register)) as source, closing(sqlite3.connect(folder / "backup")) as target:
            source.backup(target)
        shutil.copy(layout.revocations, folder / "list")

    def restore(self) -> None:
        shutil.copy(self._folder / "backup", self._layout.register)
        shutil.copy(self._folder / "list", self._layout.revocations)


def log_of(layout: Layout, keys: DeviceKeys, grant: Grant = GRANT) -> Log:
    """A new log of the device with these keys."""
    assert isinstance(keys.signing, Ed25519PrivateKey)
    nowhere = Path("unused")
    endpoint = Endpoint("127.0.0.1", 1, nowhere, nowhere, nowhere)
    return Log.new(Scanner(grant.name, keys.signing, read_root_public(layout), published(layout), endpoint))


def refused(result: Stored | Refused) -> bool:
    return isinstance(result, Refused) and result.reason is Reason.DEVICE_NOT_ACTIVE


def test_a_restored_register_does_not_bring_a_stolen_device_back(layout: Layout, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keys = new_keys()
    first = serial(asked(layout, keys))
    backup = Backup(layout, tmp_path)
    later = serial(asked(layout, replace(keys, tls=new_keys().tls), wish=Wish.RENEW))  # the backup knows nothing of it
    revoke(layout)
    backup.restore()
    assert [row["status"] for row in rows(layout, "device")] == ["active"], "the backup has it"
    assert refused(delivered(layout, log_of(layout, keys)))
    assert [row["status"] for row in rows(layout, "device")] == ["revoked"]
    assert "2 revoked certificates are missing" in caplog.text
    backup.restore()
    for grant, wish in ((GRANT, Wish.JOIN), (OTHER, Wish.JOIN), (GRANT, Wish.RENEW)):
        answer = asked(layout, keys, grant, wish)
        assert (answer.outcome, "was revoked" in answer.reason) == (Outcome.REFUSED, True)
    backup.restore()
    assert certificates.listed(layout) == set()
    _mend(layout, authority(layout))  # as `gate-province admit` does when it starts
    assert certificates.listed(layout) == {first, later}
    backup.restore()
    assert "revoked" in here("device", "list", layout.root).stdout
    revoke(layout, GRANT.name)
    assert certificates.listed(layout) > {first, later}  # and the probe


def test_a_register_replaced_beneath_the_collector_makes_no_stolen_device_valid(layout: Layout) -> None:
    stolen, honest = new_keys(), new_keys()
    asked(layout, stolen)
    asked(layout, honest, OTHER)
    revoke(layout)
    assert refused(delivered(layout, log_of(layout, stolen), "UPDATE device SET status = 'active'"))
    assert isinstance(delivered(layout, log_of(layout, honest, OTHER)), Stored)


def test_what_was_noted_when_the_power_went_is_revoked_at_the_next_opening(layout: Layout) -> None:
    given = serial(asked(layout, new_keys()))
    with closing(sqlite3.connect(layout.register)) as connection:
        connection.execute("CREATE TRIGGER cut BEFORE UPDATE ON device BEGIN SELECT RAISE(ABORT, 'the power'); END")
    with pytest.raises(sqlite3.IntegrityError, match="the power"):
        revoking.revoke(layout, GRANT.name, revoking.Broker(("127.0.0.1", 1), lambda: None), now_ms())
    with closing(sqlite3.connect(layout.register)) as connection:
        connection.execute("DROP TRIGGER cut")
    assert [row["status"] for row in rows(layout, "device")] == ["active"]
    _mend(layout, authority(layout))
    assert [row["status"] for row in rows(layout, "device")] == ["revoked"]
    assert certificates.listed(layout) == {given}


def test_a_new_device_takes_the_name_and_the_revoked_key_stays_refused_under_every_name(layout: Layout, tmp_path: Path) -> None:
    stolen, replacement = new_keys(), new_keys()
    old = serial(asked(layout, stolen))
    backup = Backup(layout, tmp_path)
    revoke(layout)
    new = serial(asked(layout, replacement))
    assert "was revoked" in asked(layout, stolen, OTHER).reason  # no row of the register has its key any more
    assert isinstance(delivered(layout, log_of(layout, replacement)), Stored)
    backup.restore()
    assert serial(asked(layout, replacement)) != new
    assert isinstance(delivered(layout, log_of(layout, replacement)), Stored)
    _mend(layout, authority(layout))
    assert certificates.listed(layout) == {old}


def test_what_an_earlier_release_revoked_is_noted_when_the_register_is_opened(layout: Layout, tmp_path: Path) -> None:
    keys = new_keys()
    asked(layout, keys)
    backup = Backup(layout, tmp_path)
    with closing(database.connect(layout.register)) as connection:
        devices.set_status(connection, GRANT.name, devices.REVOKED)  # all that it wrote
    here("device", "list", layout.root)
    backup.restore()
    assert "was revoked" in asked(layout, keys).reason


def test_a_list_that_is_whole_is_not_written_again(layout: Layout) -> None:
    asked(layout, new_keys())
    revoke(layout)
    before = layout.revocations.read_bytes()
    _mend(layout, authority(layout))
    assert layout.revocations.read_bytes() == before


def test_certificates_that_ran_out_leave_the_list(layout: Layout) -> None:
    asked(layout, new_keys())
    revoke(layout)
    layout.revocations.unlink()
    keystore = Keystore(layout.keystore)
    assert revocations.missing_from_list(layout, keystore, now_ms()) == 1
    assert revocations.missing_from_list(layout, keystore, now_ms() + 400 * 86_400_000) == 0


def test_nobody_is_let_in_and_nothing_revoked_while_the_keystore_is_away(layout: Layout) -> None:
    keys = new_keys()
    asked(layout, keys)
    layout.keystore.rename(layout.root / "elsewhere")
    with pytest.raises(KeystoreAway):
        asked(layout, keys)
    with pytest.raises(KeystoreAway):
        revocations.is_revoked(Keystore(layout.keystore), keys.signing.public_key())
    ran = here("device", "revoke", layout.root, GRANT.name)
    assert (ran.returncode, "keystore is not there" in ran.stderr) == (1, True)


def test_a_damaged_note_still_refuses_its_key_and_is_named(layout: Layout) -> None:
    keys = new_keys()
    asked(layout, keys)
    revoke(layout)
    [file] = (layout.keystore / "revoked").iterdir()
    file.write_bytes(b"{torn")
    assert refused(delivered(layout, log_of(layout, keys), "UPDATE device SET status = 'active'"))
    with pytest.raises(RevocationsDamaged, match=file.name):
        asked(layout, keys)
    file.write_bytes(b"")
    assert "was revoked" in asked(layout, keys).reason
    layout.revocations.unlink()
    assert revocations.missing_from_list(layout, Keystore(layout.keystore), now_ms()) == 0, "nobody knows"
    revoke(layout)
    layout.revocations.unlink()
    assert revocations.missing_from_list(layout, Keystore(layout.keystore), now_ms()) == 1


def test_a_certificate_authority_that_cannot_be_read_keeps_no_stolen_signature_valid(layout: Layout) -> None:
    keys = new_keys()
    asked(layout, keys)
    layout.authority_key.rename(layout.root / "elsewhere")
    ran = here("device", "revoke", layout.root, GRANT.name)
    assert ran.returncode == 1
    assert "certificate authority cannot be read" in ran.stderr
    assert "signatures count no more" in ran.stderr
    assert [row["status"] for row in rows(layout, "device")] == ["revoked"]
    assert refused(delivered(layout, log_of(layout, keys)))
    (layout.root / "elsewhere").rename(layout.authority_key)
    revoke(layout)  # what was left undone: the list
    assert len(certificates.listed(layout)) == 2  # the device's, and the probe


def test_another_program_under_the_brokers_old_number_is_left_alone(layout: Layout) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as other:  # SIGHUP would end it
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write(b"here\n")
        assert other.stdout.readline() == b"here\n"
        layout.broker_pid.write_text(f"{other.pid}\n")
        with pytest.raises(revoking.StillOpen, match=f"process {other.pid}, which is cat, not Mosquitto"):
            revoking.reload_by_pid(layout)
        other.communicate()
    assert other.returncode == 0
    with pytest.raises(revoking.StillOpen, match="no running Mosquitto"):
        revoking.reload_by_pid(layout)
