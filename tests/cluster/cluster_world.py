"""A province's far end on loopback: RabbitMQ, PostgreSQL, collectors and HAProxy, configured as province/deploy has it."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from postgres_world import Server
from province_world import ROOT, WAIT_S, cli, founded, free_port
from rabbit_world import Node
from sim_province import enrolled, names

from province.base.amqp_names import ENTRIES_QUEUE
from province.base.layout import Layout

DEPLOY = ROOT / "province/deploy/cluster"
COLLECTORS = 2


def filled_in(text: str, instead: Mapping[str, str]) -> str:
    """A configuration of the guide with what is otherwise here; each thing to replace must be in it."""
    for was, now in instead.items():
        assert was in text, f"{was!r} is not in the configuration"
        text = text.replace(was, now)
    return text


class CollectorProcess:
    """`gate-province collect --amqp`, killed and started again."""

    def __init__(self, world: ClusterWorld, number: int) -> None:
        nodes = ",".join(f"127.0.0.1:{port}" for port in world.amqp_ports)
        brokers = ",".join(f"127.0.0.1:{port}" for port in world.mqtt_ports)
        self._command = [
            sys.executable, "-m", "province", "collect", str(world.layout.root), "--amqp", f"amqps://{nodes}", "--broker", brokers,
            "--number", str(number), "--verbose",
        ]  # fmt: skip
        self.number = number
        self._file = world.folder / f"collector-{number}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._file.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=ROOT)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends it, and says with which code it ended."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(how)
        return self._process.wait(WAIT_S)

    def log(self) -> str:
        return self._file.read_text(errors="replace")

    def wait_until_reading(self) -> None:
        assert self._process is not None
        while f"reading from {ENTRIES_QUEUE}" not in self.log():
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"collector {self.number} ended with {self._process.wait(0.1)}: {self.log()}")

    def committed(self) -> int:
        """New entries, by its own account."""
        return sum(int(new) for new in re.findall(r"committed new=(\d+)", self.log()))


class ClusterWorld:
    """All of it, not started.

    Args:
        folder: everything lies there.
        nodes: how many.
        postgres: a server for the register; None leaves it in its file.
        devices: how many scanners.
    """

    def __init__(self, folder: Path, nodes: int, postgres: Server | None, devices: int) -> None:
        self.folder, self.postgres = folder, postgres
        self.layout: Layout = founded(folder / "province", free_port())
        if postgres is not None:
            postgres.moved_here(self.layout)
        self.amqp_ports = [free_port() for _ in range(nodes)]
        self.scanners = enrolled(self.layout, folder / "scanners", names(devices))
        port = self.layout.read_settings().port  # scanners come here
        self.mqtt_ports = [port] if nodes == 1 else [free_port() for _ in range(nodes)]
        mapper, cookie = free_port(), secrets.token_hex(16)
        told = cli("rabbitmq", self.layout.root, "--advanced")
        assert told.returncode == 0, told.stderr
        members = [f"gate{number}-{os.getpid()}@localhost" for number in range(1, nodes + 1)]
        self.nodes = [
            Node(folder / f"node-{number}", f"gate{number}", self._config(number, members), told.stdout, mapper, cookie)
            for number in range(1, nodes + 1)
        ]
        self.collectors = [CollectorProcess(self, number) for number in range(1, COLLECTORS + 1)]
        self._balancer: subprocess.Popen[bytes] | None = None

    def _config(self, number: int, members: list[str]) -> str:
        files = {
            "/etc/rabbitmq/gate/ca.crt": self.layout.authority_certificate,
            "/etc/rabbitmq/gate/server.crt": self.layout.broker / "server.crt",
            "/etc/rabbitmq/gate/server.key": self.layout.broker / "server.key",
        }
        text = (DEPLOY / "rabbitmq.conf").read_text()
        if len(members) == 1:
            text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith(("cluster_", "mqtt.durable_queue_type")))
        ports = {
            "listeners.ssl.default = 5671": f"listeners.ssl.default = {self.amqp_ports[number - 1]}",
            "mqtt.listeners.ssl.default = 8883": f"mqtt.listeners.ssl.default = {self.mqtt_ports[number - 1]}",
            "disk_free_limit.absolute = 10GB": "disk_free_limit.absolute = 100MB",
        }
        hosts = {f"rabbit@mq{place}.example.vn": name for place, name in enumerate(members, 1)} if len(members) > 1 else {}
        return filled_in(text, {name: str(file) for name, file in files.items()} | ports | hosts)

    def start(self) -> None:
        """Broker first, its definitions as the guide says once all nodes are up, then collectors."""
        self.nodes[0].start()
        for node in self.nodes[1:]:
            node.launch()
        for node in self.nodes[1:]:
            node.wait()
        for words in (["--rights"], []):
            told = cli("rabbitmq", self.layout.root, "--amqp", *words)
            assert told.returncode == 0, told.stderr
            file = self.folder / "definitions.json"
            file.write_text(told.stdout)
            self.nodes[0].controlled("import_definitions", str(file))
        if len(self.nodes) > 1:
            self._start_balancer()
        for collector in self.collectors:
            collector.start()
        for collector in self.collectors:
            collector.wait_until_reading()

    def _start_balancer(self) -> None:
        program = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert program, "HAProxy is not installed: apt-get install haproxy"
        instead = {"bind :8883": f"bind 127.0.0.1:{self.layout.read_settings().port}", "maxconn 120000": "maxconn 2000"}
        instead |= {f"mq{place}.example.vn:8883": f"127.0.0.1:{port}" for place, port in enumerate(self.mqtt_ports, 1)}
        file = self.folder / "haproxy.cfg"
        file.write_text(filled_in((DEPLOY / "haproxy.cfg").read_text(), instead))
        with (self.folder / "haproxy.log").open("ab") as log:
            self._balancer = subprocess.Popen([program, "-db", "-f", str(file)], stdout=log, stderr=log)

    def running(self) -> Node:
        """A node that answers."""
        return next(node for node in self.nodes if node.is_running())

    def waiting(self) -> int:
        """How many entries the queue has."""
        said: list[dict[str, object]] = json.loads(
            self.running().controlled("list_queues", "--quiet", "--formatter", "json", "name", "messages")
        )
        return next(int(str(one["messages"])) for one in said if one["name"] == ENTRIES_QUEUE)

    def until_empty(self, within_s: float) -> bool:
        """Waits for the queue; each look asks RabbitMQ, which takes a second."""
        until_s = time.monotonic() + within_s
        while self.waiting():
            if time.monotonic() > until_s:
                return False
        return True

    def end(self) -> None:
        """All of it, the mapper last."""
        for collector in self.collectors:
            if collector._process is not None:
                collector.end(signal.SIGKILL)
        if self._balancer is not None:
            self._balancer.terminate()
            self._balancer.wait(WAIT_S)
        for node in self.nodes:
            if node.is_running():
                node.kill()
        self.nodes[0].end_mapper()


@contextmanager
def cluster_world(folder: Path, nodes: int, devices: int, *, in_postgres: bool) -> Iterator[ClusterWorld]:
    """A world that has ended at the end, whatever happens."""
    with ExitStack() as stack:
        postgres = None
        if in_postgres:
            postgres = Server(fsync=True)
            stack.callback(postgres.stop)
            postgres.start()
        world = ClusterWorld(folder, nodes, postgres, devices)
        stack.callback(world.end)
        yield world
