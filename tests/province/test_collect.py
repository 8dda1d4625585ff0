"""Entries of real devices over a real broker: what is registered, held, expired, forked or refused, and what is receipted."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta

import cbor2
import pytest
from conftest import World
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from province_world import ANYONE, WAIT_S, Log, Scanner, cli, json_lines, passage, recorded, session

from edge_agent.wire import cbor, cose, envelope, sealing
from edge_agent.wire.entry import Kind, LogHead, encode_header
from edge_agent.wire.keyring import EpochKey, day_of
from edge_agent.wire.receipt import Range, Status
from edge_agent.wire.topics import Leaf
from province.base.clock import now_ms
from province.demo.synthetic import synthetic_people
from province.keys.keystore import Keystore
from province.records import views
from province.records.alerts import AlertKind
from province.store import database


def rows(world: World, scanner: Scanner) -> list[sqlite3.Row]:
    with closing(database.connect(world.layout.register)) as connection:
        return connection.execute(
            "SELECT * FROM entry WHERE org = ? AND device = ? ORDER BY seq, id", (scanner.name.org, scanner.name.device)
        ).fetchall()


def log_state(world: World, log: Log) -> views.LogState:
    with closing(database.connect(world.layout.register)) as connection:
        return next(state for state in views.logs(connection) if state.log == log.log)


def refusals(world: World, topic: str) -> list[tuple[str, int]]:
    with closing(database.connect(world.layout.register)) as connection:
        found = connection.execute("SELECT reason, times FROM quarantine WHERE topic = ? ORDER BY id", (topic,)).fetchall()
    return [(row["reason"], row["times"]) for row in found]


def old_key(days_ago: int) -> EpochKey:
    pair = sealing.generate(sealing.Suite.X25519)
    return EpochKey((day_of(now_ms()) - timedelta(days=days_ago)).isoformat(), pair.suite, pair.public)


@pytest.fixture
def scanner(world: World) -> Scanner:
    return world.new_scanner()


def test_entries_are_registered_once_and_receipted_with_the_hash_of_the_last(world: World, scanner: Scanner) -> None:
    log = Log.new(scanner)
    made = [log.append(kind=Kind.BOOT), log.append(), log.append()]
    with session(scanner) as device:
        ranges = device.deliver(*made)
    assert {part.status for part in ranges} == {Status.REGISTERED}
    assert (ranges[-1].last, ranges[-1].last_hash) == (3, log.hash)
    assert [(row["seq"], row["hash"], row["kind"], row["direction"]) for row in rows(world, scanner)] == [
        (number, envelope.envelope_hash(one), kind, direction)
        for number, one, kind, direction in zip((1, 2, 3), made, ("boot", "passage", "passage"), (None, "in", "in"), strict=True)
    ]


def test_a_batch_sent_three_times_changes_nothing_and_is_receipted_each_time(world: World, scanner: Scanner) -> None:
    log = Log.new(scanner)
    made = [log.append() for _ in range(5)]
    with session(scanner) as device:
        device.deliver(*made)
        before = rows(world, scanner)
        for _ in range(2):
            ranges = device.deliver(*made)
            assert max(part.last for part in ranges) == 5
            assert {part.status for part in ranges} == {Status.REGISTERED}
    assert [tuple(row) for row in rows(world, scanner)] == [tuple(row) for row in before]
    assert log_state(world, log).alerts == ()


def test_numbers_out_of_order_end_as_one_range_and_a_gap_is_told_until_it_is_filled(world: World, scanner: Scanner) -> None:
    log = Log.new(scanner)
    made = [log.append() for _ in range(8)]
    late = [made[2], made[3], made[5]]
    others = [one for one in made if one not in late]
    random.Random(2).shuffle(others)
    with session(scanner) as device:
        device.deliver(*others)
        assert log_state(world, log).gaps == ((3, 4), (6, 6))
        device.deliver(*late)
    state = log_state(world, log)
    assert (state.first, state.last, state.gaps, state.alerts, state.forks) == (1, 8, (), (), 0)


def test_a_cloned_card_is_a_fork_both_are_kept_and_both_are_told(world: World, scanner: Scanner) -> None:
    log = Log.new(scanner)
    with session(scanner) as device:
        device.deliver(log.append())
        clone = log.copy()
        original = log.append()
        device.deliver(original)
        [forked] = device.deliver(clone.append(passage(replace(ANYONE, id_number="001099054321"))))
        [told] = device.deliver(original)
    assert forked == Range(2, 2, clone.hash, Status.REGISTERED, forked=True)
    assert told == Range(2, 2, log.hash, Status.REGISTERED, forked=True)
    assert {row["hash"] for row in rows(world, scanner) if row["seq"] == 2} == {log.hash, clone.hash}
    state = log_state(world, log)
    assert (state.forks, [(alert.kind, alert.hash) for alert in state.alerts]) == (1, [(AlertKind.FORK, clone.hash)])


def test_what_cannot_be_opened_is_held_whole_with_its_reason(world: World, scanner: Scanner) -> None:
    log = Log.new(scanner)
    undated = scanner.keyring.key_for(None)
    today = scanner.keyring.key_for(day_of(now_ms()))
    stranger = sealing.generate(sealing.Suite.X25519)
    made = [
        log.append(key=undated),
        log.append(key=old_key(-300)),
        log.append(key=EpochKey(today.epoch, stranger.suite, stranger.public)),
        log.append(key=EpochKey("no-day", stranger.suite, stranger.public)),
        log.append(),
    ]
    with session(scanner) as device:
        ranges = device.deliver(*made)
    told = {number: (part.status, part.reason) for part in ranges for number in range(part.first, part.last + 1)}
    assert told == {
        1: (Status.HELD, "undated"),
        2: (Status.HELD, "key-missing"),
        3: (Status.HELD, "key-unknown"),
        4: (Status.HELD, "key-unknown"),
        5: (Status.REGISTERED, None),
    }
    assert [row["body"] for row in rows(world, scanner)][:4] == made[:4]


def test_a_body_sealed_under_another_header_is_held(world: World, scanner: Scanner) -> None:
    log = Log.new(scanner)
    honest = envelope.peek(log.append())
    moved = replace(honest.header, gate="another")
    made = cose.sign(cbor.encode([encode_header(moved), honest.sealed]), envelope.ENTRY, scanner.signing_key)
    with session(scanner) as device:
        [part] = device.deliver(made)
    assert (part.status, part.reason) == (Status.HELD, "cannot-open")
    assert rows(world, scanner)[0]["body"] == made


def test_an_entry_of_a_destroyed_day_is_expired_and_of_one_that_is_only_missing_held(world: World, scanner: Scanner) -> None:
    log, missing, destroyed = Log.new(scanner), old_key(400), old_key(22)
    Keystore(world.layout.keystore).destroy(date.fromisoformat(destroyed.epoch), day_of(now_ms()))
    with session(scanner) as device:
        ranges = device.deliver(log.append(key=missing), log.append(key=destroyed))
    assert [(part.status, part.reason) for part in sorted(ranges, key=lambda part: part.first)] == [
        (Status.HELD, "key-missing"),
        (Status.EXPIRED, None),
    ]
    assert [row["body"] is None for row in rows(world, scanner)] == [False, True]


def test_a_newer_version_is_held_and_receipted(world: World, scanner: Scanner) -> None:
    log = Log.new(scanner)
    honest = envelope.peek(log.append())
    fields = cbor2.loads(honest.header_bytes)
    newer = cbor.encode({**fields, 1: 2, 9: "a-kind-of-tomorrow", 40: "more"})
    made = cose.sign(cbor.encode([newer, honest.sealed]), envelope.ENTRY, scanner.signing_key)
    with session(scanner) as device:
        [part] = device.deliver(made)
    assert part == Range(1, 1, envelope.envelope_hash(made), Status.HELD, "newer-version")
    assert rows(world, scanner)[0]["body"] == made


def test_bad_messages_are_put_away_with_the_reason_and_get_no_receipt(world: World, scanner: Scanner) -> None:
    log, topic = Log.new(scanner), scanner.name.topic(Leaf.ENTRIES)
    honest = log.append()
    impostor = Log.new(replace(scanner, signing_key=Ed25519PrivateKey.generate()))
    other = Log.new(replace(world.new_scanner(), signing_key=scanner.signing_key))
    impossible = Log.new(scanner).append(predecessor=LogHead(bytes(16), 2**63, bytes(32)))
    with session(scanner) as device:
        device.send(impostor.append(), honest[:-20], b"", honest + b"\0", bytes(9000), other.append(), b"\xff" * 50, impossible)
        device.send(b"\xff" * 50)
        device.silent_after(Log.new(scanner))
    assert sorted(refusals(world, topic)) == sorted(
        [
            ("forged", 1),
            ("malformed", 1),
            ("malformed", 1),
            ("malformed", 1),
            ("malformed", 1),
            ("malformed", 2),
            ("oversize", 1),
            ("another-device", 1),
        ]
    )
    assert len(rows(world, scanner)) == 1


def test_a_replay_on_another_devices_topic_is_refused(world: World, scanner: Scanner) -> None:
    victim = world.new_scanner()
    made = Log.new(victim).append()
    with session(scanner) as device:
        device.send(made)
        device.silent_after(Log.new(scanner))
    assert refusals(world, scanner.name.topic(Leaf.ENTRIES)) == [("forged", 1)]
    assert rows(world, victim) == []


def test_a_device_with_a_certificate_but_no_registration_is_unknown(world: World, scanner: Scanner) -> None:
    with closing(database.connect(world.layout.register)) as connection:
        connection.execute("DELETE FROM device WHERE org = ? AND device = ?", (scanner.name.org, scanner.name.device))
    known = world.new_scanner()
    with session(scanner) as device, session(known) as witness:
        device.send(Log.new(scanner).append())
        witness.silent_after(Log.new(known))
        assert device.arrived.empty()
    assert refusals(world, scanner.name.topic(Leaf.ENTRIES)) == [("unknown-device", 1)]


def test_a_new_log_is_followed_to_the_one_before_it(world: World, scanner: Scanner) -> None:
    first = Log.new(scanner)
    made = [first.append() for _ in range(4)]
    second, third = Log.new(scanner), Log.new(scanner)
    with session(scanner) as device:
        device.deliver(*made[:2])
        device.deliver(second.append(predecessor=first.head))
        cut = log_state(world, first)
        assert cut.gaps == ((3, 4),)
        assert [(alert.kind, alert.seq, alert.resolved_ms) for alert in cut.alerts] == [(AlertKind.CUT_PREDECESSOR, 4, None)]
        device.deliver(*made[2:])
        mended = log_state(world, first)
        assert mended.gaps == ()
        assert all(alert.resolved_ms is not None for alert in mended.alerts)
        device.deliver(third.append())
    assert log_state(world, second).alerts == ()
    assert [alert.kind for alert in log_state(world, third).alerts] == [AlertKind.UNANNOUNCED_LOG]


def test_a_link_that_does_not_hold_is_told(world: World, scanner: Scanner) -> None:
    log = Log.new(scanner)
    with session(scanner) as device:
        device.deliver(log.append())
        log.hash = b"\1" * 32
        device.deliver(log.append())
    assert [(alert.kind, alert.seq) for alert in log_state(world, log).alerts] == [(AlertKind.BROKEN_LINK, 2)]


def test_the_commands_show_people_masked_and_find_them_by_token(world: World, scanner: Scanner) -> None:
    people = synthetic_people(3, seed=77)
    log = Log.new(scanner)
    with session(scanner) as device:
        device.deliver(*(log.append(passage(recorded(person))) for person in people), log.append(passage(recorded(people[0]))))
    shown = cli("entries", world.layout.root, "--device", scanner.name, "--json")
    assert [entry["seq"] for entry in json_lines(shown.stdout)] == [1, 2, 3, 4]
    assert all(entry["id_number"] == f"{person.id_number[:7]} ***" for entry, person in zip(json_lines(shown.stdout), people, strict=False))
    plain = cli("entries", world.layout.root, "--device", scanner.name)
    texts = shown.stdout + plain.stdout
    assert not any(secret in texts for person in people for secret in (person.name, json.dumps(person.name), person.id_number))
    found = json.loads(cli("find", world.layout.root, "--id", people[0].id_number, "--reason", "case 1", "--json").stdout)
    assert (found["count"], found["number"]) == (2, f"{people[0].id_number[:7]} ***")
    with closing(database.connect(world.layout.register)) as connection:
        assert views.count_passages(connection, Keystore(world.layout.keystore), people[1].id_number) == 1
    logs = [one for one in json_lines(cli("logs", world.layout.root, "--json").stdout) if one["device"] == scanner.name.device]
    assert [(one["count"], one["first"], one["last"], one["gaps"]) for one in logs] == [(4, 1, 4, [])]
    assert cli("logs", world.layout.root).returncode == cli("quarantine", world.layout.root).returncode == 0
    assert "reasons" in json.loads(cli("quarantine", world.layout.root, "--json").stdout)


def test_the_keyring_is_retained_for_every_device(world: World, scanner: Scanner) -> None:
    world.collecting.wait_until_logged("connected to the broker")
    with session(scanner, ["gate/v1/province/keyring"]) as device:
        arrived = device.arrived.get(timeout=WAIT_S)
    assert arrived.retained
    assert arrived.payload == world.layout.keyring.read_bytes()


def test_a_fault_met_by_one_message_stops_neither_the_others_nor_the_collector(world: World, scanner: Scanner) -> None:
    honest = world.new_scanner()
    with closing(database.connect(world.layout.register)) as connection:
        connection.execute("UPDATE device SET public_key = x'00' WHERE org = ? AND device = ?", (scanner.name.org, scanner.name.device))
    with session(scanner) as broken, session(honest) as witness:
        broken.send(Log.new(scanner).append())
        witness.silent_after(Log.new(honest))
        assert broken.arrived.empty()
    assert refusals(world, scanner.name.topic(Leaf.ENTRIES)) == [("internal-error", 1)]


def test_a_device_that_may_not_speak_any_more_is_refused(world: World, scanner: Scanner) -> None:
    honest = world.new_scanner()
    with closing(database.connect(world.layout.register)) as connection:
        connection.execute("UPDATE device SET status = 'revoked' WHERE org = ? AND device = ?", (scanner.name.org, scanner.name.device))
    with session(scanner) as revoked, session(honest) as witness:
        revoked.send(Log.new(scanner).append())
        witness.silent_after(Log.new(honest))
    assert refusals(world, scanner.name.topic(Leaf.ENTRIES)) == [("device-not-active", 1)]
