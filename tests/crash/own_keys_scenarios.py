"""What the province's own keys go through between two power cuts: exchanged for new ones, and the undated key of the keyring rotated."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from crash_device import say
from crash_province import NOW_MS, layout_of
from cryptography import x509

from edge_agent.wire.authority import Power
from province.base import key_pair
from province.base.files import write_atomically
from province.base.layout import Layout
from province.keys import officers
from province.keys.terms import CLIENTS, DAY_MS, OFFICERS, Role, file_of
from province.shell import keyring_command
from province.trust.keyring_office import KeyringOffice
from province.trust.renewing import Renewal

EXCHANGED = (Role.COLLECTOR, Role.BROKER, Role.RECEIPTS, Role.KEYRING)
ANOTHER = "another"  # one that nobody can know before it is made


def in_use(layout: Layout, role: Role) -> str:
    """What tells a role's certificate from every other: its serial number, an officer's hash."""
    data = file_of(layout, role).read_bytes()
    return sha256(data).hexdigest() if role in OFFICERS else str(x509.load_pem_x509_certificate(data).serial_number)


def renewal(layout: Layout, at_ms: int) -> Renewal:
    """As `gate-province certificates renew --new-keys` makes it."""
    return Renewal(layout, at_ms, new_keys=True, root=officers.read_root_key(layout, layout.root_key))


def exchange(folder: Path) -> None:
    """New keys for a client twice, for the broker and for two officers."""
    layout = layout_of(folder)
    for role in EXCHANGED:
        say("done", store="pair", name=role, value=in_use(layout, role))
    for later, role in enumerate((*EXCHANGED, Role.COLLECTOR), start=1):
        former = in_use(layout, role)
        say("begun", store="pair", name=role, value=ANOTHER)
        if role in CLIENTS:
            say("begun", store="former", name=former, value="shut out")
        renewal(layout, NOW_MS + later * 1000).renew(role)
        say("done", store="pair", name=role, value=in_use(layout, role))
        if role in CLIENTS:
            say("done", store="former", name=former, value="shut out")


def exchange_in_place(folder: Path) -> None:
    """The other way round: the new key written over the old one, and then its certificate."""

    def exchange_plainly(key_file: Path, key_pem: bytes, certificate_file: Path, certificate: bytes, mode: int) -> None:
        write_atomically(key_file, key_pem)
        write_atomically(certificate_file, certificate, mode)

    key_pair.exchange = exchange_plainly
    exchange(folder)


def published(layout: Layout, at_ms: int) -> KeyringOffice:
    """The keyring as it stands; said, because scanners have it from now on."""
    office = KeyringOffice(layout, layout.read_settings(), officers.load_officer(layout, Power.KEYRING))
    office.extend(at_ms)
    say("done", store="published", name=str(office.current.counter), value=sha256(office.signed).hexdigest())
    return office


def rotate(folder: Path) -> None:
    """The undated key is exchanged, days go by, and it is exchanged again."""
    layout = layout_of(folder)
    for number in (1, 2):
        at_ms = NOW_MS + number * DAY_MS
        office = published(layout, at_ms)
        say("done", store="undated", name="key", value=office.current.key_for(None).key_id)
        say("begun", store="undated", name="key", value=ANOTHER)
        keyring_command.now_ms = lambda at_ms=at_ms: at_ms  # type: ignore[attr-defined,misc]
        keyring_command._rotate(layout, office, layout.read_settings().suite, folder / f"undated-{number}.key")
        say("done", store="undated", name="key", value=published(layout, at_ms).current.key_for(None).key_id)
