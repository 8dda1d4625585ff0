"""A device that gets another name: the broker lets nobody in any more with the certificate of the name before."""

from __future__ import annotations

from dataclasses import replace

import admission_world
import pytest
from admission_world import GRANT, Province, new_keys
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from province_world import Broker

from edge_agent.device.device_keys import DeviceKeys
from edge_agent.wire.joining import Membership
from edge_agent.wire.topics import DeviceName
from province.keys.tls_authority import TlsIdentity
from province.registry import certificates
from province.trust import revoking

province = admission_world.province
OTHER = replace(GRANT, name=DeviceName("bus-co", "scanner-2"))
THIRD = replace(GRANT, name=DeviceName("bus-co", "scanner-3"))


def serial(member: Membership) -> int:
    return x509.load_der_x509_certificate(member.certificate).serial_number


def is_let_in(province: Province, member: Membership, keys: DeviceKeys) -> bool:
    certificate = x509.load_der_x509_certificate(member.certificate).public_bytes(Encoding.PEM)
    identity = TlsIdentity(keys.tls.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), certificate, serial(member))
    address = "127.0.0.1", province.layout.read_settings().port
    return revoking._connect(province.layout, str(member.name), address, identity) is None


def test_a_running_broker_refuses_the_former_names_certificate(province: Province) -> None:
    keys = new_keys()
    with Broker(province.layout):
        former = province.welcome(province.ticket(), keys)
        assert is_let_in(province, former, keys)
        now = province.welcome(province.ticket(OTHER), keys)
        while is_let_in(province, former, keys):
            pass  # until it has read the list
        assert is_let_in(province, now, keys)
    assert certificates.listed(province.layout) == {serial(former)}


def test_without_a_broker_here_it_is_said_who_must_read_the_list(province: Province, caplog: pytest.LogCaptureFixture) -> None:
    keys = new_keys()
    former = province.welcome(province.ticket(), keys)
    assert caplog.text.count("revoked certificates added") == 0
    province.welcome(province.ticket(OTHER), keys)
    assert certificates.listed(province.layout) == {serial(former)}
    assert "1 revoked certificates added, and no Mosquitto of ours runs here" in caplog.text
    province.welcome(province.ticket(THIRD), new_keys())
    assert caplog.text.count("revoked certificates added") == 1, "nothing new"


def test_a_list_that_cannot_be_written_keeps_nobody_out_and_the_next_join_writes_it(
    province: Province, caplog: pytest.LogCaptureFixture
) -> None:
    keys = new_keys()
    former = province.welcome(province.ticket(), keys)
    province.layout.authority.rename(province.layout.root / "away")
    assert province.welcome(province.ticket(OTHER), keys).name == OTHER.name
    assert "lacks the certificates of a device's former name" in caplog.text
    (province.layout.root / "away").rename(province.layout.authority)
    province.welcome(province.ticket(THIRD), new_keys())
    assert certificates.listed(province.layout) == {serial(former)}
