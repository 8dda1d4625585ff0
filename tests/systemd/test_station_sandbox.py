"""The station page in the agent's real sandbox: it is served, answers to its name in the network, and makes its PIN as the gate's user."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest
from real_systemd import Machine, booted

AGENT = "gate-agent.service"
ADDRESS, PUBLIC = "192.168.77.1", "203.0.113.77"
_CONFIGURATION = '[station]\nenabled = true\n[[lane]]\nname = "in"\ndirection = "in"\nreader = "serial:/dev/ttyACM0"\n'
_ASK = """
import socket, ssl, struct
context = ssl.create_default_context(cafile="/var/lib/gate-scanner/station/tls.pem")
with socket.create_connection(("{address}", 8443), 20) as plain, context.wrap_socket(plain, server_hostname="{name}") as phone:
    phone.sendall(b"GET /vi/pin HTTP/1.1\\r\\nHost: {name}:8443\\r\\nConnection: close\\r\\n\\r\\n")
    print(phone.recv(15).decode())
labels = b"".join(bytes([len(each)]) + each.encode() for each in "{name}".split("."))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
    resolver.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("{address}"))
    resolver.bind(("{address}", 0))
    resolver.settimeout(1)
    question = struct.pack(">6H", 0, 0, 1, 0, 0, 0) + labels + b"\\0" + struct.pack(">2H", 1, 0x8001)
    answer = b""
    for _ in range(20):  # as resolvers do: it may still be making sure that nobody else has the name
        resolver.sendto(question, ("224.0.0.251", 5353))
        try:
            answer = resolver.recv(9000)
            break
        except TimeoutError:
            pass
    print(socket.inet_aton("{address}") in answer)
"""

_KNOCK = """
import socket, ssl
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
with socket.create_connection(("{address}", 8443), 20) as plain:
    try:
        print(context.wrap_socket(plain).version() is not None)
    except OSError:
        print(False)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    if shutil.which("ip") is None:
        pytest.skip("a network of its own needs iproute2")
    with booted(tmp_path_factory.mktemp("machine")) as machine:
        machine.run("ip", "address", "add", f"{ADDRESS}/24", "dev", "lo")  # the site's network
        machine.run("ip", "address", "add", f"{PUBLIC}/24", "dev", "lo")
        machine.run("ip", "link", "set", "lo", "up")
        machine.file("/etc/gate-scanner/gate.toml").write_text(_CONFIGURATION, encoding="utf-8")
        machine.run("systemctl", "start", AGENT)
        machine.run("timeout", "20", "sh", "-c", "until grep -q 'station page: https' /srv/given/agent.log; do sleep 0.05; done")
        yield machine


def test_the_page_is_served_and_found_by_name_and_the_sandbox_is_as_closed_as_before(machine: Machine) -> None:
    told = machine.run("runuser", "-u", "gate", "--", "gate-agent", "station", "pin")
    found = re.search(r"https://(gate-[0-9a-f]{4}\.local):8443/\n +https://192\.168\.77\.1:8443/\nPIN +\d{4} \d{4}\n", told)
    assert found is not None, told
    answers = machine.run("python3", "-c", _ASK.format(address=ADDRESS, name=found[1])).split("\n")
    assert answers[:2] == ["HTTP/1.1 200 OK", "True"]
    log = (machine.given / "agent.log").read_text("utf-8")
    assert "announced to nobody" not in log
    assert "unexpected" not in log


def test_at_a_public_address_nobody_is_answered(machine: Machine) -> None:
    assert machine.run("python3", "-c", _KNOCK.format(address=ADDRESS)) == "True\n"
    assert machine.run("python3", "-c", _KNOCK.format(address=PUBLIC)) == "False\n"


def test_whoever_is_not_the_gate_makes_no_pin(machine: Machine) -> None:
    refused = machine.run("sh", "-c", "gate-agent station pin 2>&1 || echo code $?")
    assert "sudo -u gate gate-agent station pin" in refused
    assert refused.rstrip().endswith("code 1")
