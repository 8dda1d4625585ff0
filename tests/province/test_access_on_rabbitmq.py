"""The same rights on RabbitMQ's MQTT plug-in with its dotted topics: each role × each topic × reading and writing.

Needs Debian's rabbitmq-server, which CI installs; skipped where it is not. It takes ten seconds to start, so there is one.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from province_world import WAIT_S, founded, free_port

from edge_agent.topics import DeviceName, Leaf
from province import rabbitmq_rules
from province.layout import Layout
from province.tls_authority import TlsAuthority

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
pytestmark = pytest.mark.skipif(not SERVER.exists(), reason="RabbitMQ is not installed: apt-get install rabbitmq-server")
MINE, OTHER = "bus-co/scanner-1", "market-co/scanner-1"
KEYRING = "gate/v1/province/keyring"
DOTTED = "gate.v1.market-co.scanner-1.entries"  # to RabbitMQ another spelling of the other device's topic
EVERY = (
    *(f"gate/v1/{device}/{leaf}" for device in (MINE, OTHER) for leaf in Leaf),
    KEYRING, "gate/v1/province/other", "gate/v1/bus-co/scanner-1", "gate/v1/bus-co/scanner-1/entries/more", DOTTED,
)  # fmt: skip
WIDE = ("#", "gate/#", "gate/v1/+/+/#", "gate/v1/+/+/receipts", "gate/v1/+/scanner-1/receipts", f"gate/v1/{MINE}/+")
MAY_WRITE = {
    MINE: {f"gate/v1/{MINE}/{leaf}" for leaf in ("entries", "status", "telemetry", "results", "config/reported", "certificate/request")},
    "province/collector": {f"gate/v1/{MINE}/receipts", f"gate/v1/{OTHER}/receipts", KEYRING},
    "province/registrar": {f"gate/v1/{MINE}/certificate/issued", f"gate/v1/{OTHER}/certificate/issued"},
}
MAY_READ = {
    MINE: {f"gate/v1/{MINE}/{leaf}" for leaf in ("receipts", "commands", "config/desired", "certificate/issued")} | {KEYRING},
    "province/collector": {f"gate/v1/{MINE}/entries", f"gate/v1/{OTHER}/entries", KEYRING, "gate/v1/+/+/entries", DOTTED},
    "province/registrar": {
        f"gate/v1/{MINE}/certificate/request", f"gate/v1/{OTHER}/certificate/request", KEYRING, "gate/v1/+/+/certificate/request",
    },
}  # fmt: skip


class Rabbit:
    """RabbitMQ in a folder of its own, ended by its process id, its port mapper by its own command."""

    def __init__(self, layout: Layout, folder: Path) -> None:
        self.layout = layout
        self.port = layout.read_settings().port
        self._home = folder / "rabbit"
        self._home.mkdir()
        self._mapper_port = str(free_port())
        definitions = self._home / "definitions.json"
        devices = [DeviceName("bus-co", "scanner-1"), DeviceName("market-co", "scanner-1")]
        definitions.write_text(json.dumps(rabbitmq_rules.definitions(devices)))
        config = rabbitmq_rules.config(
            str(layout.authority_certificate), str(layout.broker / "server.crt"), str(layout.broker / "server.key"), self.port
        )
        (self._home / "rabbitmq.conf").write_text(f"{config}load_definitions = {definitions}\nlog.console = true\nlog.file = false\n")
        (self._home / "plugins").write_text("[rabbitmq_mqtt].\n")

    def start(self) -> None:
        home = self._home
        self._environment = {
            **os.environ, "HOME": str(home), "RABBITMQ_NODENAME": f"gate{os.getpid()}@localhost",
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"), "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"), "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": self._mapper_port, "RABBITMQ_PID_FILE": str(home / "pid"), "RABBITMQ_CONF_ENV_FILE": os.devnull,
        }  # fmt: skip
        with (home / "out").open("wb") as out:
            self._process = subprocess.Popen([str(SERVER)], env=self._environment, stdout=out, stderr=out)
        while True:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            with suppress(subprocess.TimeoutExpired):  # so long it runs: wait for it a moment and look again
                raise AssertionError(f"RabbitMQ ended with {self._process.wait(0.1)}: {(home / 'out').read_text()[-2000:]}")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(WAIT_S)
        mapper = shutil.which("epmd")
        assert mapper
        subprocess.run([mapper, "-port", self._mapper_port, "-kill"], capture_output=True, check=False)

    def client(self, role: str) -> Client:
        home = self._home / role.replace("/", "_")
        home.mkdir(exist_ok=True)
        authority = TlsAuthority.load(self.layout.authority_key, self.layout.authority_certificate)
        identity = authority.client(role, datetime.now(UTC), timedelta(days=1))
        (home / "crt").write_bytes(identity.certificate_pem)
        (home / "key").write_bytes(identity.key_pem)
        context = ssl.create_default_context(cafile=str(self.layout.authority_certificate))
        context.load_cert_chain(str(home / "crt"), str(home / "key"))
        return Client(role, self.port, context)


class Client:
    """One connection, on which one thing is tried."""

    def __init__(self, role: str, port: int, context: ssl.SSLContext) -> None:
        self._happened = threading.Condition()
        self._acknowledged: list[int] = []
        self._granted: list[bool] = []
        self._connected = self._over = False
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=role, clean_session=True, reconnect_on_failure=False)
        self._client.tls_set_context(context)
        self._client.on_connect = lambda *_: self._note("_connected")
        self._client.on_disconnect = lambda *_: self._note("_over")
        self._client.on_publish = lambda _client, _data, mid, *_: self._add(self._acknowledged, mid)
        self._client.on_subscribe = lambda _client, _data, _mid, codes, *_: self._add(self._granted, not codes[0].is_failure)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._wait(lambda: self._connected)

    def _note(self, what: str) -> None:
        with self._happened:
            setattr(self, what, True)
            self._happened.notify_all()

    def _add(self, where: list[Any], what: object) -> None:
        with self._happened:
            where.append(what)
            self._happened.notify_all()

    def _wait(self, what: Any) -> None:
        with self._happened:
            assert self._happened.wait_for(lambda: what() or self._over, WAIT_S)

    def writes(self, topic: str) -> bool:
        """Tells whether a publication is taken; RabbitMQ ends the connection over one it refuses."""
        self._client.publish(topic, b"news", qos=1)
        self._wait(lambda: self._acknowledged)
        return bool(self._acknowledged)

    def reads(self, topic: str) -> bool:
        """Tells whether a subscription is granted."""
        self._client.subscribe(topic, qos=1)
        self._wait(lambda: self._granted)
        return self._granted == [True]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rabbit]:
    folder = tmp_path_factory.mktemp("rabbit")
    made = Rabbit(founded(folder / "province", free_port()), folder)
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.mark.parametrize("role", MAY_WRITE)
def test_a_role_writes_what_it_may_and_nothing_else(rabbit: Rabbit, role: str) -> None:
    written = set()
    for topic in EVERY:
        client = rabbit.client(role)
        if client.writes(topic):
            written.add(topic)
        client.close()
    assert written == MAY_WRITE[role]


@pytest.mark.parametrize("role", MAY_READ)
def test_a_role_reads_what_it_may_and_nothing_else(rabbit: Rabbit, role: str) -> None:
    read = set()
    for topic in (*EVERY, *WIDE, "gate/v1/+/+/entries", "gate/v1/+/+/certificate/request"):
        client = rabbit.client(role)
        if client.reads(topic):
            read.add(topic)
        client.close()
    assert read == MAY_READ[role]
