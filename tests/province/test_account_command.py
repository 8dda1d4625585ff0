"""`gate-province account`: somebody is added, listed masked, changed and removed; what cannot be is refused in words."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from old_province import here
from web_world import enlist, roll_of

from province.accounts import reach
from province.accounts.account import Account, Role
from province.base.layout import Layout
from province.store import database
from province.store.opened import Connection


def test_by_command_somebody_is_added_listed_changed_and_removed(layout: Layout) -> None:
    assert here("org", "add", layout.root, "--id", "bus-co", "--name", "Xe buýt").returncode == 0
    made = here("account", "add", layout.root, "--role", "operator", "--name", "Lê Hùng", "--phone", "0912345678", "--org", "bus-co")
    assert made.returncode == 0, made.stderr
    id_, password = (line.split()[1] for line in made.stdout.splitlines())
    [listed] = json.loads(here("account", "list", layout.root, "--json").stdout)
    assert listed == {
        "id": id_, "role": "operator", "name": "Lê ***", "phones": ["09123 ***"], "org": "bus-co", "unit": None, "sites": [],
        "commands": False,
    }  # fmt: skip
    again = here("account", "password", layout.root, "0912345678")
    assert (again.returncode, password in again.stdout) == (0, False)
    assert here("account", "phone", layout.root, id_, "--add", "0987654321").returncode == 0
    assert here("account", "role", layout.root, id_, "--role", "admin").returncode == 0
    taken = here("account", "add", layout.root, "--role", "reporter", "--whole", "--name", "Lê Lan", "--phone", "0987654321")
    assert (taken.returncode, "an account's already" in taken.stderr) == (2, True)
    for last in (("remove", layout.root, id_), ("role", layout.root, id_, "--role", "reporter", "--whole")):
        refused = here("account", *last)
        assert (refused.returncode, "the last administrator" in refused.stderr) == (2, True)
    assert here("account", "remove", layout.root, "0987654321", "--last-admin").returncode == 0
    assert json.loads(here("account", "list", layout.root, "--json").stdout) == []
    log = here("audit", "list", layout.root).stdout
    for line in (f"{id_} operator bus-co", f"{id_} admin", "account-password", "account-phone", "account-removed"):
        assert line in log
    assert "Hùng" not in log
    assert [log.count(each) for each in ("account-added", "account-role", "account-removed")] == [1, 1, 1]  # nothing of what was refused
    assert here("audit", "verify", layout.root).returncode == 0


def test_a_full_view_is_for_special_sites_alone(layout: Layout) -> None:
    for id_, category in (("cho-a", "market"), ("benh-vien", "hospital")):
        words = ("--id", id_, "--org", "hue", "--name", id_, "--category", category, "--address", f"{id_} 1", "--gate", "1", "--new-org")
        assert here("site", "add", layout.root, *words).returncode == 0
    given = ("account", "add", layout.root, "--name", "Lê Hùng", "--role", "special")
    refused = here(*given, "--phone", "0912345678", "--site", "benh-vien", "--site", "cho-a")
    assert (refused.returncode, "cho-a" in refused.stderr) == (2, True)
    assert here(*given, "--phone", "0912345678", "--site", "benh-vien").returncode == 0


def test_what_somebody_else_changed_meanwhile_is_not_written_over(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    one, check = enlist(layout, Role.OPERATOR, "0912345678", org="xe-buyt"), reach.check
    enlist(layout, Role.ADMIN, "0912345679")

    def changed_meanwhile(connection: Connection, wanted: Account) -> None:
        check(connection, wanted)
        with closing(database.connect(layout.register)) as other:
            roll_of(layout).change(other, Account(one.id, one.name, Role.OPERATOR, "cho-hue"))

    with monkeypatch.context() as patched:
        patched.setattr(reach, "check", changed_meanwhile)
        ran = here("account", "role", layout.root, one.id, "--role", "admin")
    assert (ran.returncode, "somebody changed or removed this account meanwhile" in ran.stderr) == (2, True), ran.stderr
    with closing(database.connect(layout.register)) as connection:
        member = roll_of(layout).find(connection, one.id)
    assert member is not None
    assert (member.account.role, member.account.org) == (Role.OPERATOR, "cho-hue")
    assert here("account", "role", layout.root, one.id, "--role", "admin").returncode == 0


@pytest.mark.parametrize(
    "options,said",
    [
        (("--role", "keeper"), "needs --site"),
        (("--role", "keeper", "--site", "nowhere"), "not a site"),
        (("--role", "tracer"), "needs --unit"),
        (("--role", "tracer", "--unit", "99"), "not a unit"),
        (("--role", "operator", "--org", "nobody"), "not an organisation"),
        (("--role", "admin", "--unit", "46"), "has no --unit"),
        (("--role", "admin", "--commands"), "has no --commands"),
        (("--role", "operator", "--org", "BUS"), "--org"),
        (("--role", "admin", "--org", "hue"), "has no --org"),
        (("--role", "keeper", "--site", "cho", "--org", "hue"), "has no --org"),
        (("--role", "reporter"), "or else --whole"),
        (("--role", "operator"), "or else --whole"),
        (("--role", "operator", "--org", "hue", "--whole"), "or else --whole"),
        (("--role", "tracer", "--unit", "46", "--whole"), "has no --whole"),
        (("--role", "admin", "--phone", "113"), "--phone"),
    ],
)
def test_what_cannot_be_is_refused_in_words(layout: Layout, options: tuple[str, ...], said: str) -> None:
    ran = here("account", "add", layout.root, "--name", "Lê Hùng", "--phone", "0987654321", *options)
    assert (ran.returncode, said in ran.stderr) == (2, True), ran.stderr
    assert "0987654321" not in ran.stderr
