"""Who is let in and who is not: at a real door, with real TLS, against tickets that are used, old, foreign or tied to somebody else."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace

import admission_world
import pytest
from admission_world import GRANT, Province, new_keys
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from province_world import WAIT_S

from edge_agent.device.device_keys import DeviceKeys
from edge_agent.enrolment import knock
from edge_agent.enrolment.knock import Untrusted
from edge_agent.link import door_link
from edge_agent.wire import joining, ticket
from edge_agent.wire.joining import Outcome, Wish
from edge_agent.wire.topics import DeviceName
from province.joining import admission
from province.registry import certificates, devices
from province.registry.tickets import LIFE_MS
from province.store import database

province = admission_world.province


def test_a_ticket_makes_a_member(province: Province) -> None:
    keys = new_keys()
    granted = province.welcome(province.ticket(), keys)
    assert (granted.name, granted.site, granted.gate, granted.host) == (GRANT.name, GRANT.site, GRANT.gate, "mqtt.example.vn")
    known = province.device()
    assert known is not None
    assert known.public_key == keys.signing.public_key()
    certificate = x509.load_der_x509_certificate(granted.certificate)
    assert known.certificate_serial == str(certificate.serial_number)
    certificate.verify_directly_issued_by(province.authority.certificate)


def test_a_ticket_is_worth_something_once(province: Province) -> None:
    text, honest = province.ticket(), new_keys()
    province.welcome(text, honest)
    assert "used already" in province.refused(text, new_keys())
    assert province.welcome(text, honest).name == GRANT.name  # its answer may have been lost
    province.now_ms += LIFE_MS + 2 * 3_600_000
    assert "used by this device long ago" in province.refused(text, honest)
    known = province.device()
    assert known is not None
    assert known.public_key == honest.signing.public_key()


def test_a_ticket_ends_after_ten_minutes(province: Province) -> None:
    text = province.ticket()
    province.now_ms += 10 * 60_000 + 1
    assert "expired" in province.refused(text, new_keys())
    assert province.device() is None


def test_a_ticket_for_one_device_is_worth_nothing_to_another(province: Province) -> None:
    keys = new_keys()
    text = province.ticket(key=ticket.fingerprint(keys.signing.public_key())[: ticket.SHOWN_BYTES])
    assert "for the device with key" in province.refused(text, new_keys())
    province.welcome(text, keys)
    assert "serial number" in province.refused(province.ticket(serial="100000001234abcd"), new_keys())


def test_a_photographed_ticket_cannot_be_freed_of_the_device_it_is_for(province: Province) -> None:
    """The thief knows the number; what ties it to the label's key is the officer's signature, which the door checks again."""
    tied = province.ticket(key=ticket.fingerprint(new_keys().signing.public_key())[: ticket.SHOWN_BYTES])
    freed = ticket.issue(replace(ticket.peek(tied), key=None), Ed25519PrivateKey.generate())
    shown = x509.load_pem_x509_certificate((province.layout.door / "server.crt").read_bytes()).public_bytes(Encoding.DER)
    here = door_link.tls_key_hash(shown)
    request = new_keys().request(Wish.JOIN, here, ticket.to_bytes(freed))
    answer = joining.read_answer(province.admission.at_the_door(request, here, province.now_ms), request, province.root)
    assert (answer.outcome, answer.reason) == (Outcome.REFUSED, "this ticket is not of this province")
    assert province.device() is None


def test_a_ticket_made_up_is_not_even_shown(province: Province) -> None:
    real = ticket.peek(province.ticket())
    forged = ticket.issue(replace(real, number=bytes(16)), Ed25519PrivateKey.generate())
    with pytest.raises(Untrusted, match="signature"):
        knock.with_ticket(forged, new_keys())
    unknown = ticket.issue(replace(real, number=bytes(16)), province.officer.key)
    assert "unknown here" in province.refused(unknown, new_keys())


def test_ten_at_once_with_one_ticket_let_one_in(province: Province) -> None:
    text, answers = province.ticket(), []
    threads = [threading.Thread(target=lambda: answers.append(province.ask(text, new_keys()))) for _each in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert sorted(answer.outcome for answer in answers) == [Outcome.REFUSED] * 9 + [Outcome.WELCOME]


def test_a_name_in_use_is_not_taken_over_by_another_key(province: Province) -> None:
    honest, text = new_keys(), province.ticket()
    province.welcome(text, honest)
    second = province.ticket()
    assert "registered with another key" in province.refused(second, new_keys())
    moved = province.welcome(province.ticket(replace(GRANT, gate="Cửa sau")), honest)  # the same device may move
    assert moved.gate == "Cửa sau"
    assert "used already" not in province.refused(second, new_keys())  # a refusal does not use a ticket up


def test_a_device_that_gets_another_name_loses_the_old_one(province: Province) -> None:
    keys = new_keys()
    province.welcome(province.ticket(), keys)
    other = replace(GRANT, name=DeviceName("bus-co", "scanner-2"))
    assert province.welcome(province.ticket(other), keys).name == other.name
    before = province.device()
    assert before is not None
    assert before.status == devices.MOVED


def test_a_member_gets_another_name_only_after_a_reset(province: Province) -> None:
    keys = new_keys()
    province.welcome(province.ticket(), keys)
    text = province.ticket(replace(GRANT, name=DeviceName("bus-co", "scanner-2")))
    answer = knock.with_ticket(text, keys, str(GRANT.name)).answer
    assert (answer.outcome, "gate-agent reset" in answer.reason) == (Outcome.REFUSED, True)
    known = province.device()
    assert known is not None
    assert known.status == devices.ACTIVE  # it goes on under the name it has
    assert province.welcome(text, keys).name.device == "scanner-2"  # nobody's now


def test_over_the_broker_each_device_renews_itself_only(province: Province) -> None:
    keys, other = new_keys(), new_keys()
    province.welcome(province.ticket(), keys)
    province.welcome(province.ticket(replace(GRANT, name=DeviceName("bus-co", "scanner-2"))), other)
    message = keys.request(Wish.RENEW)
    answer = joining.read_answer(province.admission.from_broker(message, GRANT.name, province.now_ms), message, province.root)
    assert answer.outcome is Outcome.WELCOME
    message = other.request(Wish.RENEW)
    answer = joining.read_answer(province.admission.from_broker(message, GRANT.name, province.now_ms), message, province.root)
    assert answer.outcome is Outcome.REFUSED


def test_a_stolen_device_cannot_make_the_list_of_revoked_certificates_grow_past_use(
    province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By asking over and over: measured before, 320 certificates a second, and the time to make the list grows with their square."""
    monkeypatch.setattr(admission, "_CERTIFICATES_A_DAY", 3)
    keys, other, text = new_keys(), new_keys(), province.ticket()
    province.welcome(text, keys)
    province.welcome(province.ticket(replace(GRANT, name=DeviceName("bus-co", "scanner-2"))), other)

    def renewed(asking: DeviceKeys, name: DeviceName = GRANT.name) -> Outcome:
        message = replace(asking, tls=new_keys().tls).request(Wish.RENEW)
        return joining.read_answer(province.admission.from_broker(message, name, province.now_ms), message, province.root).outcome

    assert [renewed(keys) for _each in range(4)] == [Outcome.WELCOME] * 2 + [Outcome.REFUSED] * 2
    assert "ask again tomorrow" in province.refused(text, replace(keys, tls=new_keys().tls))  # nor with the ticket it has used
    assert renewed(other, DeviceName("bus-co", "scanner-2")) is Outcome.WELCOME
    province.now_ms += 86_401_000
    assert renewed(keys) is Outcome.WELCOME


def test_a_message_however_often_repeated_makes_one_certificate_a_day(province: Province) -> None:
    keys, text = new_keys(), province.ticket()
    joined = province.welcome(text, keys).certificate
    assert province.welcome(text, keys).certificate == joined
    message = keys.request(Wish.RENEW)

    def renewed() -> set[bytes]:
        answers = [
            joining.read_answer(province.admission.from_broker(message, GRANT.name, province.now_ms), message, province.root)
            for _each in range(20)
        ]
        return {answer.membership.certificate for answer in answers if answer.membership is not None}

    assert renewed() == {joined}
    province.now_ms += 24 * 3_600_000
    [later] = renewed()
    assert later != joined
    with closing(database.connect(province.layout.register)) as connection:
        assert len(certificates.given_to(connection, GRANT.name)) == 2
        certificates.revoke(connection, GRANT.name, province.now_ms)
    assert not renewed() & {joined, later}, "a certificate that is revoked is not given again"


def test_another_tls_key_gets_a_certificate_of_its_own_the_same_day(province: Province) -> None:
    keys = new_keys()
    province.welcome(province.ticket(), keys)
    made_new = replace(keys, tls=new_keys().tls)
    answer = province.welcome(province.ticket(), made_new)
    assert x509.load_der_x509_certificate(answer.certificate).public_key() == made_new.tls.public_key()


def test_a_revoked_key_gets_nothing_any_more(province: Province) -> None:
    keys = new_keys()
    province.welcome(province.ticket(), keys)
    with closing(database.connect(province.layout.register)) as connection:
        devices.set_status(connection, GRANT.name, devices.REVOKED)
        assert certificates.revoke(connection, GRANT.name, province.now_ms) == 1
    assert "was revoked" in province.refused(province.ticket(), keys)
    other = replace(GRANT, name=DeviceName("bus-co", "scanner-2"))
    assert "was revoked" in province.refused(province.ticket(other), keys)
    assert knock.for_renewal(("127.0.0.1", province.port), province.root, keys).answer.outcome is Outcome.REFUSED
    replacement = new_keys()
    assert province.welcome(province.ticket(), replacement).name == GRANT.name  # a new device takes the place
