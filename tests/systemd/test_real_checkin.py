"""The check-in page and its agent under a real systemd: they work in their sandbox, and the page sees no key of the province."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from real_systemd import Machine, booted

PAGE, AGENT = "gate-province-checkin.service", "gate-province-checkin-agent.service"
CODE, HOME = "/srv/gate-scanner", "/var/lib/gate-province"
PROVINCE_BIN = "/usr/lib/gate-scanner-province/current/bin"
# What the package would do, and what hw_docs/province.md says
SET_UP = f"""
set -e
systemd-sysusers {CODE}/systemd/sysusers.d/gate-province.conf
systemd-tmpfiles --create {CODE}/systemd/tmpfiles.d/gate-province.conf
mkdir -p {PROVINCE_BIN}
for each in gate-agent:edge_agent gate-province:province; do
    printf '#!/bin/sh\\nexport PYTHONPATH={CODE}:%s\\nexec %s -m %s "$@"\\n' "$(cat /srv/given/packages)" "$(cat /srv/given/python)" \\
        ${{each##*:}} > {PROVINCE_BIN}/${{each%%:*}}
    chmod 755 {PROVINCE_BIN}/${{each%%:*}}
done
ln -s {PROVINCE_BIN}/gate-province /usr/bin/gate-province
cd /run/systemd/system
for each in {PAGE} {AGENT}; do
    cp {CODE}/systemd/$each .
    mkdir $each.d
    log=append:/srv/given/$each.log
    printf '[Unit]\\nDefaultDependencies=no\\n[Service]\\nStandardOutput=%s\\nStandardError=%s\\n' $log $log > $each.d/here.conf
done
systemctl daemon-reload
ip link set lo up
as="setpriv --reuid gate-province --regid gate-province --clear-groups"
$as gate-province init {HOME}/province --host 127.0.0.1 --days 2
$as gate-province checkin make {HOME}/province {HOME}/checkin
"""
ENROL = f"""
set -e
setpriv --reuid gate-province --regid gate-province --clear-groups \\
    {PROVINCE_BIN}/gate-agent enrol {HOME}/checkin/page-1.bundle.json --config {HOME}/checkin/checkin.toml
mkdir -p /etc/default
echo GATE_CHECKIN_URL=https://vao.example.vn > /etc/default/gate-province-checkin
"""


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with booted(tmp_path_factory.mktemp("machine")) as machine:
        machine.run("sh", "-c", SET_UP)
        machine.run("systemctl", "start", PAGE, AGENT)
        assert {machine.show(each, "ConditionResult") for each in (PAGE, AGENT)} == {"no"}, "nobody's yet"
        machine.run("sh", "-c", ENROL)
        yield machine


@pytest.fixture
def machine(enrolled: Machine) -> Machine:
    """Where both run."""
    enrolled.run("systemctl", "start", PAGE, AGENT)  # returns when they are ready
    return enrolled


@pytest.mark.parametrize("service", [PAGE, AGENT])
def test_it_runs_as_the_provinces_user_without_a_right_more(machine: Machine, service: str) -> None:
    assert (machine.show(service, "ActiveState"), machine.show(service, "NRestarts")) == ("active", "0")
    status = machine.run("cat", f"/proc/{machine.show(service, 'MainPID')}/status")
    for line in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t0000000000000000"):
        assert line in status


def test_the_page_answers_and_notes_its_start_in_its_own_log(machine: Machine) -> None:
    page = machine.run("curl", "-sf", "-H", "Host: vao.example.vn", "-H", "X-Forwarded-For: 192.0.2.7", "http://127.0.0.1:8447/vi/")
    assert "/static/web/web.css" in page
    assert machine.file(f"{HOME}/checkin/state/outbox.sqlite").stat().st_size > 0


def seen(machine: Machine, service: str) -> Path:
    """The province's folder as a service has it."""
    return Path(f"/proc/{machine.show(service, 'MainPID')}/root{HOME}/province")


def test_the_page_sees_the_register_and_no_key(machine: Machine) -> None:
    province = seen(machine, PAGE)
    assert machine.run("ls", f"{HOME}/province/keystore", f"{HOME}/province/officers").count(".") > 2
    names = machine.run("find", str(province), "-name", "*.key", "-o", "-path", "*/keystore/*", "-o", "-name", "register.sqlite")
    assert names.split() == [f"{province}/register.sqlite"]


def test_the_agent_sees_nothing_of_the_province(machine: Machine) -> None:
    assert machine.run("find", str(seen(machine, AGENT)), "-mindepth", "1") == ""


def test_both_stop_when_told(machine: Machine) -> None:
    machine.run("systemctl", "stop", PAGE, AGENT)
    assert {(machine.show(each, "ActiveState"), machine.show(each, "Result")) for each in (PAGE, AGENT)} == {("inactive", "success")}
