"""A real RabbitMQ with our rights, and clients that try one thing after the other on it.

Needs Debian's rabbitmq-server, which CI installs. It takes some seconds to start, so a module of tests shares one.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import ssl
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
from access_table import DEVICES, OPERATORS
from paho.mqtt.enums import CallbackAPIVersion
from province_world import WAIT_S, cli, free_port

from edge_agent.wire.topics import DeviceName
from province.base.layout import Layout
from province.keys.tls_authority import TlsAuthority
from province.trust import rabbitmq_rules

PROGRAMS = Path("/usr/lib/rabbitmq/bin")
MISSING = "RabbitMQ is not installed: apt-get install rabbitmq-server"


def is_installed() -> bool:
    return (PROGRAMS / "rabbitmq-server").exists()


class Node:
    """One RabbitMQ in a folder of its own, ended by its process id, its port mapper by its own command.

    Args:
        home: its folder, new; the cookie in it is its own.
        name: which of several on this machine.
        config: rabbitmq.conf.
        advanced: advanced.config.
        mapper_port: of the port mapper; nodes of one cluster share it, and nobody else.
    """

    def __init__(self, home: Path, name: str, config: str, advanced: str, mapper_port: int | None = None, cookie: str = "") -> None:
        self.home = home
        self.home.mkdir(parents=True)
        if cookie:
            (home / ".erlang.cookie").write_text(cookie)
            (home / ".erlang.cookie").chmod(0o400)
        (home / "rabbitmq.conf").write_text(f"{config}log.console = true\nlog.file = false\n")
        (home / "advanced.config").write_text(advanced)
        (home / "plugins").write_text("[rabbitmq_auth_mechanism_ssl,rabbitmq_mqtt].\n")
        self.node = f"{name}-{os.getpid()}@localhost"
        self._environment = {
            **os.environ, "HOME": str(home), "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"), "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"), "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"), "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(mapper_port or free_port()), "RABBITMQ_PID_FILE": str(home / "pid"), "RABBITMQ_CONF_ENV_FILE": os.devnull,
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it works: its port is open before its definitions are in force."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        with (self.home / "out").open("wb") as out:
            self._process = subprocess.Popen(
                [str(PROGRAMS / "rabbitmq-server")], env=self._environment, stdout=out, stderr=out, cwd=self.home
            )

    def wait(self) -> None:
        assert self._process is not None
        while b"Server startup complete" not in (self.home / "out").read_bytes():
            with suppress(subprocess.TimeoutExpired):  # so long it runs: wait for it a moment and look again
                raise AssertionError(f"RabbitMQ ended with {self._process.wait(0.1)}: {(self.home / 'out').read_text()[-2000:]}")

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """As a power cut would: the virtual machine itself, not the script that started it."""
        assert self._process is not None
        os.kill(int((self.home / "pid").read_text()), signal.SIGKILL)
        self._process.wait(WAIT_S)

    def stop(self) -> None:
        if self._process is not None and self.is_running():
            self._process.terminate()
            try:
                self._process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def end_mapper(self) -> None:
        """When no node needs it any more."""
        mapper = shutil.which("epmd")
        assert mapper
        subprocess.run([mapper, "-port", self._environment["ERL_EPMD_PORT"], "-kill"], capture_output=True, check=False)

    def control(self) -> str:
        """The command that runs `rabbitmqctl` for this one, whose cookie, node and port mapper are its own."""
        needed = ("HOME", "ERL_EPMD_PORT", "RABBITMQ_CONF_ENV_FILE")
        settings = (f"{name}={self._environment[name]}" for name in needed)
        return shlex.join(["env", *settings, str(PROGRAMS / "rabbitmqctl"), "--node", self.node])

    def controlled(self, *words: str) -> str:
        """Runs `rabbitmqctl`; what it says."""
        ran = subprocess.run([*shlex.split(self.control()), *words], capture_output=True, text=True, check=False, timeout=120)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout


class Rabbit(Node):
    """A RabbitMQ alone, with our rights for some devices.

    Args:
        layout: the province.
        folder: where it gets a folder of its own.
        devices: who may speak.
        amqp_port: where collectors read by AMQP; None where they come by MQTT.
    """

    def __init__(self, layout: Layout, folder: Path, devices: Sequence[str] = DEVICES, amqp_port: int | None = None) -> None:
        self.layout = layout
        self.port = layout.read_settings().port
        files = str(layout.authority_certificate), str(layout.broker / "server.crt"), str(layout.broker / "server.key")
        config = rabbitmq_rules.config(*files, self.port, amqp_port=amqp_port)
        told = cli("rabbitmq", layout.root, "--advanced")
        assert told.returncode == 0, told.stderr
        definitions = folder / "rabbit" / "definitions"
        super().__init__(folder / "rabbit", "gate", f"{config}load_definitions = {definitions}\n", told.stdout)
        definitions.mkdir()
        names = [DeviceName(*name.split("/")) for name in devices]
        whole = rabbitmq_rules.definitions(names, OPERATORS, amqp=amqp_port is not None)
        (definitions / "1-rights.json").write_text(json.dumps(rabbitmq_rules.rights(whole)))
        (definitions / "2-definitions.json").write_text(json.dumps(whole))

    def stop(self) -> None:
        super().stop()
        self.end_mapper()

    def context(self, role: str) -> ssl.SSLContext:
        """The TLS of somebody whom the authority has certified under this name; the same certificate each time."""
        home = self.home / role.replace("/", "_")
        if not home.exists():
            home.mkdir()
            authority = TlsAuthority.load(self.layout.authority_key, self.layout.authority_certificate)
            identity = authority.client(role, datetime.now(UTC), timedelta(days=1))
            (home / "crt").write_bytes(identity.certificate_pem)
            (home / "key").write_bytes(identity.key_pem)
        context = ssl.create_default_context(cafile=str(self.layout.authority_certificate))
        context.load_cert_chain(str(home / "crt"), str(home / "key"))
        return context


class Client:
    """Somebody who tries one thing after the other, and connects again whenever RabbitMQ has ended the connection over one.

    Args:
        rabbit: the broker.
        role: user name and client id.
        context: with its certificate; None makes one.
    """

    def __init__(self, rabbit: Rabbit, role: str, context: ssl.SSLContext | None = None) -> None:
        self._role, self._port, self._context = role, rabbit.port, context or rabbit.context(role)
        self._happened = threading.Condition()
        self._client: mqtt.Client | None = None
        self._answers: dict[int, bool] = {}
        self._is_in = self._is_over = False
        self.connections = 0

    def connects(self) -> bool:
        """Connects, unless it is connected; tells whether it was let in."""
        if self._client is not None and not self._is_over:
            return True
        self.close()
        self._is_in = self._is_over = False
        self._answers = {}
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=self._role, clean_session=True, reconnect_on_failure=False)
        client.tls_set_context(self._context)
        client.on_connect = lambda _client, _data, _flags, code, _props: self._note(is_in=not code.is_failure, is_over=code.is_failure)
        client.on_disconnect = lambda *_: self._note(is_in=self._is_in, is_over=True)
        client.on_publish = lambda _client, _data, mid, *_: self._answer(mid, taken=True)
        client.on_subscribe = lambda _client, _data, mid, codes, *_: self._answer(mid, taken=not codes[0].is_failure)
        self._client = client
        try:
            client.connect("127.0.0.1", self._port)
        except OSError:  # with TLS 1.2 a refused certificate shows here, with 1.3 when something is read
            return False
        client.loop_start()
        self._wait(lambda: self._is_in)
        self.connections += 1
        return self._is_in

    def _note(self, *, is_in: bool, is_over: bool) -> None:
        with self._happened:
            self._is_in, self._is_over = is_in, is_over
            self._happened.notify_all()

    def _answer(self, mid: int, *, taken: bool) -> None:
        with self._happened:
            self._answers[mid] = taken
            self._happened.notify_all()

    def _wait(self, what: Callable[[], bool]) -> None:
        with self._happened:
            assert self._happened.wait_for(lambda: what() or self._is_over, WAIT_S)

    def is_over(self) -> bool:
        """Waits until RabbitMQ has ended the connection."""
        self._wait(lambda: False)
        return self._is_over

    def writes(self, topic: str) -> bool:
        """Tells whether a publication is taken; RabbitMQ ends the connection over one it refuses."""
        if not self.connects():
            return False
        assert self._client is not None
        mid = self._client.publish(topic, b"news", qos=1).mid
        self._wait(lambda: mid in self._answers)
        return self._answers.get(mid, False)

    def reads(self, topic: str) -> bool:
        """Tells whether a subscription is granted."""
        if not self.connects():
            return False
        assert self._client is not None
        mid = self._client.subscribe(topic, qos=1)[1]
        assert mid is not None
        self._wait(lambda: mid in self._answers)
        return self._answers.get(mid, False)

    def close(self) -> None:
        """Leaves."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None
