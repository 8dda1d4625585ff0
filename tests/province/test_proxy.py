"""The pages, the check-in page and the API behind HAProxy with the file of province/deploy: by name, over HTTPS, counted by who asks."""

from __future__ import annotations

import argparse
import asyncio
import re
import shlex
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from checkin_world import MARKET, TYPED, made
from proxy_world import FILE, HAPROXY, MISSING, NAMES, Proxy, certificate, configuration, proxied
from web_world import PASSWORD, enlist

from province.accounts.account import Role
from province.api.app import Api
from province.base.clock import now_ms
from province.base.layout import Layout
from province.checkin import booking
from province.checkin.app import Checkin
from province.shell import api_command, fleetpage_command, web_command
from province.web.app import Pages
from province.web.door import Policy
from province.web.serving import App, Place, Served
from province.web.world import World

pytestmark = pytest.mark.skipif(HAPROXY is None, reason=MISSING)
WEB, CHECKIN, API, FLEET = NAMES[8444], NAMES[8447], NAMES[8446], NAMES[8443]
PHONE = "0912000001"


def opened(layout: Layout, config: Path) -> dict[int, Callable[[], AbstractAsyncContextManager[App]]]:
    """Three of the services, each as its command opens it behind a proxy."""

    @asynccontextmanager
    async def web() -> AsyncIterator[App]:
        world = World(layout)
        try:
            yield Pages(world, web_command.sections(world), Policy(frozenset(Role)), proxied=True).app
        finally:
            world.close()

    @asynccontextmanager
    async def checkin() -> AsyncIterator[App]:
        own = await asyncio.to_thread(booking.from_config, config)
        try:
            yield Checkin(layout, own, proxied=True).app
        finally:
            await asyncio.to_thread(own.close)

    @asynccontextmanager
    async def api() -> AsyncIterator[App]:
        yield Api(layout, now_ms).app

    return {8444: web, 8447: checkin, 8446: api}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    layout, config = made(folder)
    enlist(layout, Role.REPORTER, PHONE)
    with ExitStack() as stack:
        ports = {}
        for told, one in opened(layout, config).items():
            served = Served(str(told), layout, Place("127.0.0.1", 0, (), NAMES[told]), folder, one)
            served.start()
            stack.callback(served.wait)
            stack.callback(served.stop)
            ports[told] = served.port
        yield stack.enter_context(proxied(folder, ports))


def test_haproxy_takes_the_file_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "haproxy.cfg").write_text(configuration(certificate(tmp_path)))
    ran = subprocess.run([str(HAPROXY), "-c", "-V", "-f", str(tmp_path / "haproxy.cfg")], capture_output=True, text=True, check=False)
    assert (ran.returncode, "valid" in ran.stdout, "WARNING" in ran.stderr) == (0, True, False), ran.stderr


def test_it_is_reached_over_both_kinds_of_addresses() -> None:
    binds = re.findall(r"^ +bind (\S+)(.*)$", FILE.read_text(), re.MULTILINE)
    assert [(where, "v4v6" in options.split()) for where, options in binds] == [(":::80", True), (":::443", True)]


def test_each_name_is_its_services_and_each_answer_wants_https_from_then_on(proxy: Proxy) -> None:
    login, page = proxy.ask("POST", WEB, "/vi/login", {"phone": PHONE, "password": PASSWORD})
    assert (login.status, login.getheader("location")) == (303, "/vi/"), page
    assert "__Host-gate=" in str(login.getheader("set-cookie"))
    form = proxy.ask("GET", CHECKIN, f"/vi/s/{MARKET.code}")
    assert (form[0].status, "Chợ Đông Ba" in form[1]) == (200, True)
    described, _text = proxy.ask("GET", API, "/api/v1/openapi.json")
    away, _text = proxy.ask("GET", FLEET, "/")  # not started here
    assert (described.status, away.status) == (200, 503)
    for answer in (login, form[0], described, away):
        assert answer.getheader("strict-transport-security") == "max-age=31536000"


def test_no_other_name_and_no_plain_http_reaches_a_service(proxy: Proxy) -> None:
    for path, status in (("/vi/login", 200), ("/api/v1/openapi.json", 404)):
        assert proxy.ask("GET", WEB, path)[0].status == status
    connection = HTTPConnection("127.0.0.1", proxy.plain, timeout=20)
    connection.request("GET", "/vi/login?x=1", headers={"Host": WEB})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("location")) == (301, f"https://{WEB}/vi/login?x=1")
    connection.close()
    foreign, text = proxy.ask("GET", WEB, "/", host="evil.example.vn")
    assert (foreign.status, text) == (421, "not a name of ours")


def test_who_checks_in_is_counted_by_their_own_address_whatever_they_say(proxy: Proxy) -> None:
    _form, page = proxy.ask("GET", CHECKIN, f"/vi/s/{MARKET.code}")
    ref = page.partition('name="ref" value="')[2].partition('"')[0]
    statuses = []
    for number in range(70):
        lie = (("X-Forwarded-For", f"10.1.0.{number}"), ("X-Forwarded-For", f"10.2.0.{number}"))
        typed = {**TYPED, "ref": ref, "name": f"Nguyễn Văn {number}"}
        statuses.append(proxy.ask("POST", CHECKIN, f"/vi/s/{MARKET.code}", typed, lie)[0].status)
    assert {303, 429} == set(statuses)


def test_the_services_commands_are_ours_and_name_the_proxys_names() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for each in (web_command, api_command, fleetpage_command):
        each.add_parser(commands)
    for file in sorted(FILE.parent.rglob("*.service.d/*.conf")):
        [line] = [each.partition("=")[2] for each in file.read_text().splitlines() if each.startswith("ExecStart=/")]
        arguments = parser.parse_args(shlex.split(line)[1:])
        told = int(arguments.listen.rpartition(":")[2])
        assert (arguments.listen, arguments.behind) == (f"127.0.0.1:{told}", f"https://{NAMES[told]}")
        assert getattr(arguments, "fleet_page", f"https://{FLEET}") == f"https://{FLEET}"  # operators find it in the menu
