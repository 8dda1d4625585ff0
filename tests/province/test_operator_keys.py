"""Who has a desk: what it holds, what the province keeps, and that nothing lets a revoked one in again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from province_world import cli, json_lines, scanner

from edge_agent.link.broker_link import Arrived
from edge_agent.wire import authority, command, cose, keyring
from edge_agent.wire.authority import Power
from edge_agent.wire.cose import Forged
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms
from province.base.errors import AlreadyThere, NotAProvince
from province.base.layout import Layout
from province.commands import desk, operator_keys
from province.commands.operator_keys import Grant
from province.keys import officers
from province.keys.keystore import Keystore
from province.records import audit
from province.store import database
from province.trust import broker_config, operator_records
from province.trust.keyring_office import read_signed
from province.trust.revoking import Broker, StillOpen
from province.watch import overhearing

NAME = DeviceName("bus-co", "scanner-1")


def grant(folder: Path, name: str = "an", org: str = "bus-co", powers: tuple[Power, ...] = (Power.IDENTIFY, Power.CONFIGURE)) -> Grant:
    return Grant(name, org, powers, timedelta(days=1), folder / f"desk-{name}")


def added(layout: Layout, folder: Path) -> Layout:
    operator_keys.add(layout, grant(folder), officers.read_root_key(layout, layout.root_key), now_ms())
    return Layout(folder / "desk-an")


def revoked(layout: Layout, name: str = "an") -> None:
    """As far as it goes where no broker runs."""
    with pytest.raises(StillOpen):
        operator_keys.revoke(layout, name, Broker(("127.0.0.1", 9), no_broker), now_ms())


def no_broker() -> None:
    raise StillOpen("no broker")


def test_its_keys_are_for_one_power_and_one_organisation_and_no_key_of_the_province_is_there(layout: Layout, tmp_path: Path) -> None:
    its, root = added(layout, tmp_path), officers.read_root_public(layout)
    for power in (Power.IDENTIFY, Power.CONFIGURE):
        certificate = authority.read_certificate(officers.load_officer(its, power).certificate, root)
        assert (certificate.power, certificate.org) == (power, "bus-co")
    ours = {file.read_bytes() for file in layout.root.rglob("*.key")}
    theirs = set(its.root.rglob("*.key"))
    assert len(theirs) == 3
    assert not ours & {file.read_bytes() for file in theirs}
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in theirs)


def test_an_older_record_put_back_lets_nobody_in_again(layout: Layout, tmp_path: Path) -> None:
    its = added(layout, tmp_path)
    file = layout.operators / "an.json"
    older = file.read_bytes()
    assert "user province/operator/an" in layout.broker_rules.read_text()
    revoked(layout)
    file.write_bytes(older)
    assert operator_records.active(layout) == []
    assert "operator" not in broker_config.rules(operator_records.active(layout))
    named = keyring.verify(read_signed(layout), officers.read_root_public(layout)).revoked
    assert set(named) == {cose.key_id(officers.load_officer(its, power).key.public_key()) for power in (Power.IDENTIFY, Power.CONFIGURE)}
    assert operator_records.revoked_ids(Keystore(layout.keystore), now_ms() + 2 * 86_400_000) == ()  # their certificates have ended
    assert Keystore(layout.keystore).strangers() == []


def test_renewing_shuts_the_keys_before_out_and_lets_the_new_ones_in(layout: Layout, tmp_path: Path) -> None:
    before = operator_keys.add(layout, grant(tmp_path), officers.read_root_key(layout, layout.root_key), now_ms())
    (tmp_path / "desk-an").rename(tmp_path / "old")
    after = operator_keys.renew(layout, grant(tmp_path), officers.read_root_key(layout, layout.root_key), now_ms())
    assert operator_records.active(layout) == [after]
    assert {key.id for key in operator_records.shut_out(Keystore(layout.keystore))} == {key.id for key in before.keys}


@pytest.mark.parametrize(
    "wrong",
    [{"name": "An"}, {"name": "a/b"}, {"name": ""}, {"org": "province"}, {"org": "a/b"}, {"powers": ()}, {"powers": (Power.KEYRING,)}],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(layout: Layout, tmp_path: Path, wrong: dict[str, object]) -> None:
    fields: dict[str, object] = {"name": "an", "org": "bus-co", "powers": (Power.IDENTIFY,), **wrong}
    asked = Grant(str(fields["name"]), str(fields["org"]), fields["powers"], timedelta(days=1), tmp_path / "desk")  # type: ignore[arg-type]
    with pytest.raises(NotAProvince):
        operator_keys.add(layout, asked, officers.read_root_key(layout, layout.root_key), now_ms())
    assert operator_records.every(layout) == []
    assert not (tmp_path / "desk").exists()


def test_nobody_is_added_twice_and_no_folder_overwritten(layout: Layout, tmp_path: Path) -> None:
    added(layout, tmp_path)
    for folder in (tmp_path / "elsewhere", tmp_path):
        with pytest.raises(AlreadyThere):
            operator_keys.add(layout, grant(folder), officers.read_root_key(layout, layout.root_key), now_ms())
    listed = json_lines(cli("operator", "list", layout.root, "--json").stdout)
    assert [(one["name"], one["org"], one["active"]) for one in listed] == [("an", "bus-co", True)]
    assert cli("operator", "revoke", layout.root, "nobody").returncode == 2


def test_the_scanners_own_list_grows_by_another_file(layout: Layout, tmp_path: Path) -> None:
    its = added(layout, tmp_path)
    device = scanner(layout, tmp_path)
    known = desk.Listed(its, "bus-co")
    with pytest.raises(NotAProvince, match=r"scanners\.json"):
        known.named("bus-co/scanner-1")
    printed = cli("operator", "scanners", layout.root, "an")
    (its.root / "scanners.json").write_text(printed.stdout)
    assert known.public_key(known.named("bus-co/scanner-1")) == device.signing_key.public_key()
    assert known.learn(Arrived(NAME.topic(Leaf.TELEMETRY), b"{}", retained=False, handle=(0, 1))) is None
    assert known.unknown([NAME]) == {NAME}


def test_an_order_whose_number_cannot_be_noted_is_not_entered_either(layout: Layout, tmp_path: Path) -> None:
    its, log = added(layout, tmp_path), bytes(16)
    heard = overhearing.Overhearing(layout, officers.read_root_public(layout))
    order = command.Command(NAME, log, command.Action.OPEN, 7, now_ms(), now_ms() + 1000)
    message = command.issue(order, officers.load_officer(its, Power.CONFIGURE))
    with closing(database.connect(layout.register)) as connection:
        connection.execute("CREATE TRIGGER away BEFORE INSERT ON counter BEGIN SELECT RAISE(ABORT, 'disk'); END")
        with pytest.raises(sqlite3.Error):
            heard.take(connection, NAME, Leaf.COMMANDS, message)
        assert list(audit.lines(connection)) == []
        connection.execute("DROP TRIGGER away")
        assert heard.take(connection, NAME, Leaf.COMMANDS, message)
        assert len(list(audit.lines(connection))) == 1


def test_an_order_is_entered_once_and_only_a_desks(layout: Layout, tmp_path: Path) -> None:
    its, log = added(layout, tmp_path), bytes(16)
    heard = overhearing.Overhearing(layout, officers.read_root_public(layout))
    order = command.Command(NAME, log, command.Action.OPEN, 7, now_ms(), now_ms() + 1000)
    message = command.issue(order, officers.load_officer(its, Power.CONFIGURE))
    with closing(database.connect(layout.register)) as connection:
        assert heard.take(connection, NAME, Leaf.COMMANDS, message)
        assert not overhearing.Overhearing(layout, officers.read_root_public(layout)).take(connection, NAME, Leaf.COMMANDS, message)
        assert not heard.take(connection, NAME, Leaf.COMMANDS, command.issue(order, officers.load_officer(layout, Power.CONFIGURE)))
        with pytest.raises(Forged):
            heard.take(connection, DeviceName("bus-co", "other"), Leaf.COMMANDS, message)
        assert [(line.officer, line.reason) for line in audit.lines(connection)] == [("an", "bus-co/scanner-1: open (from a desk)")]
