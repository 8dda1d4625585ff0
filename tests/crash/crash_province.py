"""The province of the crash scenarios: founded before the power can go, with devices, entries, tickets and a backup of its register."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from disk_model import Image
from sealed_examples import DAY, DAY_PAIR, DEVICE, LOG, NAME, PASSAGE, header, signing_key

from edge_agent.device.device_keys import DeviceKeys
from edge_agent.wire import envelope, joining, ticket
from edge_agent.wire.authority import Power
from edge_agent.wire.entry import NO_PREVIOUS
from edge_agent.wire.joining import Answer, Wish
from edge_agent.wire.sealing import Suite
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.layout import Layout, Settings
from province.collecting.intake import Intake
from province.collecting.register import Register
from province.joining.admission import Addresses, Admission
from province.keys.day_keys import DayKeys, generate
from province.keys.keystore import Keystore
from province.keys.officers import load_officer, read_root_public
from province.keys.tls_authority import TlsAuthority
from province.registry import tickets
from province.registry.tickets import Grant
from province.store import database
from province.trust import founding

NOW_MS = 1_633_370_000_000  # 2021-10-05 in Vietnam
CLOSED = tuple(date(2021, 10, day) for day in (4, 5, 6))
LATER = date(2021, 10, 9)  # when those days are past retention
KEPT = date(2021, 10, 7)
ENTRIES = 6
DOOR = bytes(32)


def layout_of(folder: Path) -> Layout:
    """Its place in the folder whose disk is watched."""
    return Layout(folder / "province")


def backup_of(folder: Path) -> Path:
    """The register as it was at first."""
    return folder / "backup.sqlite"


def first_keyring_of(folder: Path) -> Path:
    """The keyring as it was at first."""
    return folder / "keyring.backup"


def grant_of(number: int) -> Grant:
    """Who device `number` is; the entries are of number 1."""
    return Grant(replace(NAME, device=f"scanner-{number}"), "Tuyến 8", "Cửa trước")


def keys_of(number: int) -> DeviceKeys:
    """The same at each call."""
    return DeviceKeys(DEVICE if number == 1 else signing_key(f"device {number}"), ec.derive_private_key(number + 1000, ec.SECP256R1()))


def secret_of(day: date) -> bytes:
    """The token key of a day: nowhere once the day is destroyed."""
    return sha256(b"crash test token key " + day.isoformat().encode()).digest()


def admission_of(layout: Layout) -> Admission:
    """As `gate-province admit` makes it."""
    authority = TlsAuthority.load(layout.authority_key, layout.authority_certificate)
    addresses = Addresses(("localhost", 8883), ("localhost", 8884))
    return Admission(layout, authority, load_officer(layout, Power.TICKETS), addresses)


def ticket_of(layout: Layout, number: int) -> bytes:
    """The ticket that was given out for device `number`, as bytes."""
    return ticket.to_bytes(json.loads((layout.root / "tickets.json").read_text("utf-8"))[str(number)])


def join(layout: Layout, keys: DeviceKeys, ticket_bytes: bytes) -> Answer:
    """A device at the door with a ticket."""
    message = keys.request(Wish.JOIN, DOOR, ticket_bytes)
    return joining.read_answer(admission_of(layout).at_the_door(message, DOOR, NOW_MS), message, read_root_public(layout))


def join_by_hand(layout: Layout, number: int) -> Answer:
    """Device `number`, let in by an operator's command."""
    message = keys_of(number).request(Wish.JOIN)
    signed = admission_of(layout).from_a_stick(message, grant_of(number), NOW_MS)
    return joining.read_answer(signed, message, read_root_public(layout))


def _fix_keys(layout: Layout) -> None:
    store = Keystore(layout.keystore)
    for day in (*CLOSED, KEPT):
        made = generate(day, Suite.X25519)
        pair = DAY_PAIR if day.isoformat() == DAY.epoch else made.pair
        store.store(DayKeys(day.isoformat(), pair, secret_of(day), made.data_key))
    shutil.copy(store.path(CLOSED[0].isoformat()), store.folder / f".{CLOSED[0].isoformat()}.json.cut")  # as a write cut short leaves it


def _register_entries(layout: Layout) -> None:
    prev, topic = NO_PREVIOUS, DeviceName(NAME.org, NAME.device).topic(Leaf.ENTRIES)
    with Register(layout.register) as register:
        intake = Intake(register.device, Keystore(layout.keystore).load, NOW_MS)
        for seq in range(1, ENTRIES + 1):
            made = envelope.make(header(seq, prev, LOG), PASSAGE, DAY.sealing_key(), DEVICE)
            prev = envelope.envelope_hash(made)
            register.store([intake.examine(topic, made)], lambda: NOW_MS)


def _give_out_tickets(layout: Layout, numbers: tuple[int, ...]) -> None:
    officer, given = load_officer(layout, Power.TICKETS), {}
    plain = ticket.Ticket(ticket.fingerprint(read_root_public(layout)), "localhost", 8884, NOW_MS + tickets.LIFE_MS, None, None, None)
    with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
        for number in numbers:
            made = replace(plain, number=tickets.give_out(connection, grant_of(number), plain.expires_ms))
            given[number] = ticket.issue(made, officer.key)
    (layout.root / "tickets.json").write_text(json.dumps(given))


def _into_one_file(layout: Layout) -> None:
    with closing(database.connect(layout.register)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def found_bare(folder: Path) -> Layout:
    """Makes a province that has nothing yet but its own keys."""
    layout = founding.found(folder / "province", Settings("Tỉnh", ("localhost",), 8883, None, Suite.X25519, 5), NOW_MS)
    _into_one_file(layout)
    shutil.copy(layout.keyring, first_keyring_of(folder))
    return layout


def found(folder: Path) -> None:
    """Makes the province: three devices, six entries of the first one, one erased day, tickets for three more devices."""
    layout = found_bare(folder)
    _fix_keys(layout)
    for number in (1, 2, 3):
        join_by_hand(layout, number)
    _register_entries(layout)
    _give_out_tickets(layout, (4, 5, 6))
    _into_one_file(layout)
    shutil.copy(layout.register, backup_of(folder))


def image_of(folder: Path) -> Image:
    """All that is in a folder, as the disk has it for certain."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
        if not path.name.endswith(("-wal", "-shm"))
    }
