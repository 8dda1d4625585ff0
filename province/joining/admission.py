"""Decides on a device's request to join or to get a new certificate, and makes the signed answer.

The same for every way a request comes: the door, a stick, the broker. Whoever asks has proved that it holds both keys it names
(`joining.read_request`); what is decided here is who that is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edge_agent.wire import cose, joining, ticket
from edge_agent.wire.authority import Officer
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.joining import Answer, Membership, Outcome, Request, Wish
from edge_agent.wire.ticket import fingerprint, shown
from edge_agent.wire.topics import DeviceName
from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.keys.tls_authority import TlsAuthority, made_at
from province.registry import certificates, devices, revocations, tickets, waiting_room
from province.registry.tickets import Grant, Useless
from province.store import database
from province.store.opened import Connection
from province.trust import keyring_office, revoking

_log = logging.getLogger(__name__)
CERTIFICATE_LIFE = timedelta(days=366)
_CERTIFICATES_A_DAY = 24  # to one name; a stolen device could otherwise ask for so many that the list which revokes them grows past use
_SAME_AGAIN = timedelta(days=1)


class _Refusal(Exception):
    """Ends the examination of a request; the message goes to the device."""


class _PleaseWait(Exception):
    """An operator must approve first."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """What devices are told: where broker and door are."""

    broker: tuple[str, int]
    door: tuple[str, int]


class Admission:
    """Answers requests; opens the register anew for each, so that any thread may call it.

    Args:
        layout: the province.
        authority: signs TLS certificates.
        officer: with the power of tickets; signs answers.
        addresses: told to devices.
        life: of the certificates.
    """

    def __init__(
        self, layout: Layout, authority: TlsAuthority, officer: Officer, addresses: Addresses, life: timedelta = CERTIFICATE_LIFE
    ) -> None:
        self._layout = layout
        self._keystore = Keystore(layout.keystore)
        self._authority = authority
        self._officer = officer
        self._addresses = addresses
        self._life = life

    def at_the_door(self, message: bytes, door: bytes, now_ms: int) -> bytes:
        """The answer to a request that came over TLS to the door whose key has this hash.

        Raises:
            Malformed, cose.Forged: not a request, or one made for another door; it gets no answer.
            RegisterBusy, NotAProvince, KeystoreAway, RevocationsDamaged: it cannot be answered now.
        """
        request = joining.read_request(message)
        if request.door != door:
            raise cose.Forged("request: made for another door; somebody passes it on")
        return self._answered(message, request, now_ms, lambda connection: self._for_door(connection, request, now_ms))

    def _for_door(self, connection: Connection, request: Request, now_ms: int) -> Membership:
        if request.wish is Wish.RENEW:
            return self._renewed(connection, request, self._approved_renewal(connection, request, now_ms), now_ms)
        return self._enter(connection, request, self._grant(connection, request, now_ms), now_ms)

    def from_broker(self, message: bytes, name: DeviceName, now_ms: int) -> bytes:
        """The answer to a renewal that came on a device's own topic: the broker knows the device's certificate, we check its signature.

        Raises:
            As `at_the_door`.
        """
        request = joining.read_request(message)

        def renew(connection: Connection) -> Membership:
            device = _of_key(connection, request)
            if request.wish is not Wish.RENEW or device.name != name:
                raise _Refusal("only a device itself may ask for its new certificate")
            return self._renewed(connection, request, device, now_ms)

        return self._answered(message, request, now_ms, renew)

    def from_a_stick(self, message: bytes, grant: Grant, now_ms: int) -> bytes:
        """The answer to a request that an operator carried here and approves with this very command.

        Raises:
            As `at_the_door`.
        """
        request = joining.read_request(message)
        return self._answered(message, request, now_ms, lambda connection: self._enter(connection, request, grant, now_ms))

    def _answered(self, message: bytes, request: Request, now_ms: int, decide: Callable[[Connection], Membership]) -> bytes:
        who = shown(fingerprint(request.public_key))
        asked = sha256(message).digest()
        with closing(revocations.connect(self._layout, now_ms)) as connection:
            try:
                with database.transaction(connection, self._layout.register):
                    self._check_key(request)
                    membership = decide(connection)
                    waiting_room.forget(connection, request.public_key)  # an approval lets in once
                answer = Answer(asked, Outcome.WELCOME, membership=membership)
                if request.wish is not Wish.RENEW:
                    self._shut_former_names_out(connection, now_ms)
                _log.info("welcome device=%s wish=%s key=%s", membership.name, request.wish, who)
            except (_Refusal, Useless) as refusal:
                answer = Answer(asked, Outcome.REFUSED, str(refusal))
                _log.warning("refused wish=%s key=%s serial=%r: %s", request.wish, who, request.serial, refusal)
            except _PleaseWait:
                answer = self._wait(connection, request, asked, now_ms, who)
        return joining.reply(answer, self._officer)

    def _shut_former_names_out(self, connection: Connection, now_ms: int) -> None:
        """Who has just got another name has no way in under the one before; what fails here keeps nobody out, and the next join does it."""
        try:
            if lacked := revocations.mend_list(self._layout, connection, self._authority, now_ms):
                revoking.have_it_read(self._layout, lacked)
        except (OSError, ProvinceError) as error:
            _log.error("%s lacks the certificates of a device's former name: %s", self._layout.revocations, error)

    def _check_key(self, request: Request) -> None:
        """In the transaction: whoever revokes notes it in one too."""
        if revocations.is_revoked(self._keystore, request.public_key):
            raise _Refusal("this device's key was revoked: make new ones with `gate-agent reset --new-keys`")

    def _wait(self, connection: Connection, request: Request, asked: bytes, now_ms: int, who: str) -> Answer:
        try:
            with database.transaction(connection, self._layout.register):
                waiting_room.ask(connection, request, now_ms)
        except waiting_room.RoomFull:
            _log.warning("refused wish=%s key=%s: too many devices wait for approval", request.wish, who)
            return Answer(asked, Outcome.REFUSED, "too many devices wait for approval: try again later")
        _log.info("waits for approval wish=%s key=%s serial=%r", request.wish, who, request.serial)
        return Answer(asked, Outcome.WAIT, f"compare this key with the device's label, then: gate-province approve DIR {who}")

    def _grant(self, connection: Connection, request: Request, now_ms: int) -> Grant:
        """Who the bearer of a ticket becomes."""
        if request.ticket is None:
            raise _Refusal("to join, a ticket or an invitation is needed")
        try:
            shown_ticket = ticket.verify(request.ticket, self._officer.key.public_key())
        except (Malformed, cose.Forged):
            raise _Refusal("this ticket is not of this province") from None
        if shown_ticket.serial is not None and shown_ticket.serial != request.serial:
            raise _Refusal(f"this ticket is for the device with serial number {shown_ticket.serial}, not for {request.serial}")
        if shown_ticket.key is not None and shown_ticket.key != fingerprint(request.public_key)[: ticket.SHOWN_BYTES]:
            raise _Refusal(f"this ticket is for the device with key {shown(shown_ticket.key)}")
        if shown_ticket.number is not None:
            return tickets.use(connection, shown_ticket.number, request.public_key.public_bytes_raw(), now_ms)
        if now_ms > shown_ticket.expires_ms:
            raise _Refusal("this invitation has expired: make a new one")
        for device in devices.with_key(connection, request.public_key):
            if device.status == devices.ACTIVE and self._lately(connection, request, device, now_ms) is not None:
                return Grant(device.name, device.site, device.gate)  # let in today; its answer may have been lost
        return _approved(connection, request, now_ms)

    def _enter(self, connection: Connection, request: Request, grant: Grant, now_ms: int) -> Membership:
        """Registers a device under the granted name, and certifies its TLS key."""
        if request.member not in (None, str(grant.name)):
            raise _Refusal(f"this device is {request.member}; to give it another name, first `gate-agent reset` on it")
        before = devices.find(connection, grant.name)
        same_key = before is not None and before.public_key == request.public_key
        if before is not None and before.status == devices.ACTIVE and not same_key:
            raise _Refusal(f"{grant.name} is registered with another key: revoke that device first (gate-province device revoke)")
        for other in devices.with_key(connection, request.public_key):
            if other.name != grant.name:
                devices.set_status(connection, other.name, devices.MOVED)
                certificates.revoke(connection, other.name, now_ms)
        certificate = self._certify(connection, request, grant.name, before if same_key else None, now_ms)
        added_ms = before.added_ms if before is not None and same_key else now_ms
        serial = str(certificate.serial_number)
        device = devices.Device(grant.name, grant.site, grant.gate, request.public_key, serial, devices.ACTIVE, added_ms)
        devices.put(connection, device)
        return self._membership(device, certificate)

    def _approved_renewal(self, connection: Connection, request: Request, now_ms: int) -> devices.Device:
        """The device whose renewal at the door an operator has approved: its certificate has run out, its signing key speaks for it."""
        device = _of_key(connection, request)
        if self._lately(connection, request, device, now_ms) is None:  # or it has the answer already, and nobody else can use it
            _approved(connection, request, now_ms)
        return device

    def _renewed(self, connection: Connection, request: Request, device: devices.Device, now_ms: int) -> Membership:
        certificate = self._certify(connection, request, device.name, device, now_ms)
        devices.put(connection, replace(device, certificate_serial=str(certificate.serial_number)))
        return self._membership(device, certificate)

    def _certify(
        self, connection: Connection, request: Request, name: DeviceName, before: devices.Device | None, now_ms: int
    ) -> x509.Certificate:
        """A new certificate, or the one of today again: however often a message comes, by whomever repeated, it makes one."""
        if before is not None and (lately := self._lately(connection, request, before, now_ms)) is not None:
            return lately
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        a_day_ago = now - timedelta(days=1)
        if certificates.given_since(connection, name, int((a_day_ago + self._life).timestamp() * 1000)) >= _CERTIFICATES_A_DAY:
            raise _Refusal(f"{name} was given {_CERTIFICATES_A_DAY} certificates within a day: ask again tomorrow")
        certificate = self._authority.certify(joining.tls_key(request), str(name), now, self._life)
        certificates.note(connection, name, certificate)
        return certificate

    def _lately(self, connection: Connection, request: Request, device: devices.Device, now_ms: int) -> x509.Certificate | None:
        """The device's newest certificate, if it is for the same TLS key and not a day (of a short one: not a tenth of its life) old."""
        newest = certificates.find(connection, device.certificate_serial)
        if newest is None or newest.public_key() != joining.tls_key(request) or not self._authority.has_signed(newest):
            return None
        made = made_at(newest)
        age = datetime.fromtimestamp(now_ms / 1000, UTC) - made
        return newest if timedelta(seconds=-1) < age < min(_SAME_AGAIN, (newest.not_valid_after_utc - made) / 10) else None

    def _membership(self, device: devices.Device, certificate: x509.Certificate) -> Membership:
        return Membership(
            name=device.name, site=device.site, gate=device.gate, host=self._addresses.broker[0], port=self._addresses.broker[1],
            door_host=self._addresses.door[0], door_port=self._addresses.door[1], certificate=certificate.public_bytes(Encoding.DER),
            authority=self._authority.certificate.public_bytes(Encoding.DER), keyring=keyring_office.read_signed(self._layout),
        )  # fmt: skip


def _of_key(connection: Connection, request: Request) -> devices.Device:
    known = [device for device in devices.with_key(connection, request.public_key) if device.status == devices.ACTIVE]
    if not known:
        raise _Refusal("no active device has this key: it never joined here")
    return known[0]


def _approved(connection: Connection, request: Request, now_ms: int) -> Grant:
    """Who an operator has said the device with this key shall be."""
    grant = waiting_room.approved(connection, request.public_key, request.wish, now_ms)
    if grant is None:
        raise _PleaseWait
    return grant
