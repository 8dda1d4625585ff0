"""What province/deploy holds is read by the very programs it is for, and is what our commands print today."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from postgres_world import BIN, MISSING, Server
from province_world import ROOT

from edge_agent.wire.sealing import Suite
from edge_agent.wire.topics import DeviceName
from province.base import broker_address
from province.base.layout import Layout, Settings
from province.shell import collect_command
from province.trust import broker_config, rabbitmq_rules

DEPLOY = ROOT / "province/deploy"
HOME = Layout(Path("/var/lib/gate-province/province"))
SETTINGS = Settings("Tỉnh ví dụ", ("mqtt.example.vn",), 8883, None, Suite.XWING, 45)
GATE = Path("/etc/rabbitmq/gate")
HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
UNITS = sorted((DEPLOY).rglob("*.service.d/*.conf"))


def settings_of(text: str) -> dict[str, str]:
    """name = value lines."""
    return {
        name.strip(): value.strip()
        for name, found, value in (line.partition("=") for line in text.splitlines())
        if found and not name.startswith("#")
    }


def test_mosquittos_example_is_what_init_writes() -> None:
    told = (DEPLOY / "one-machine/mosquitto.conf").read_text()
    made = broker_config.config(HOME, SETTINGS)
    assert [line for line in told.splitlines() if not line.startswith(("user ", "# As root"))] == [
        line for line in made.splitlines() if not line.startswith(("user ", "# As root"))
    ]


def test_the_example_of_definitions_is_what_the_command_prints() -> None:
    told = json.loads((DEPLOY / "cluster/definitions.json").read_text())
    assert told == rabbitmq_rules.definitions([DeviceName("cho-coc-leu", "cong-1")], amqp=True)


def test_the_clusters_configuration_has_every_line_the_command_prints() -> None:
    """RabbitMQ itself reads the file in tests/cluster."""
    told = settings_of((DEPLOY / "cluster/rabbitmq.conf").read_text())
    made = settings_of(
        rabbitmq_rules.config(str(GATE / "ca.crt"), str(GATE / "server.crt"), str(GATE / "server.key"), 8883, amqp_port=5671)
    )
    assert made.items() <= told.items()
    assert told["mqtt.durable_queue_type"] == "quorum"


@pytest.mark.skipif(HAPROXY is None, reason="HAProxy is not installed: apt-get install haproxy")
def test_haproxy_takes_its_file(tmp_path: Path) -> None:
    assert HAPROXY is not None
    file = tmp_path / "haproxy.cfg"
    file.write_text(re.sub(r"mq\d\.example\.vn", "127.0.0.1", (DEPLOY / "cluster/haproxy.cfg").read_text()))  # it looks names up
    ran = subprocess.run([HAPROXY, "-c", "-V", "-f", str(file)], capture_output=True, text=True, check=False, timeout=60)
    assert (ran.returncode, "valid" in ran.stdout, "WARNING" in ran.stderr) == (0, True, False), ran.stderr


@pytest.mark.skipif(BIN is None, reason=MISSING)
def test_postgresql_takes_each_setting_and_reads_who_may_come() -> None:
    server = Server()
    try:
        text = (DEPLOY / "postgresql/gate.conf").read_text()
        (server.folder / "gate.conf").write_text(text)
        (server.folder / "pg_hba.conf").write_text((DEPLOY / "postgresql/pg_hba.conf").read_text())
        wanted = {name: value.strip("'") for name, value in settings_of(text).items()}
        assert len(wanted) > 20
        command = [
            *server._as_nobody,
            str(server.bin / "postgres"),
            "-D",
            str(server.folder / "data"),
            "-c",
            f"config_file={server.folder}/gate.conf",
        ]
        for name in ("max_wal_size", "shared_buffers", "password_encryption", "log_min_error_statement"):
            ran = subprocess.run([*command, "-C", name], capture_output=True, text=True, check=False, timeout=60)
            assert ran.returncode == 0, ran.stderr
        data = server.folder / "data"
        with (data / "postgresql.auto.conf").open("a") as conf:  # as conf.d is read, but for what only that machine has
            conf.write(
                "".join(line + "\n" for line in text.splitlines() if not line.startswith(("listen_addresses", "ssl", "shared_buffers")))
            )
        (data / "pg_hba.conf").write_text("local all gate trust\n" + (DEPLOY / "postgresql/pg_hba.conf").read_text())
        server.start()
        shown = subprocess.run(
            [server.bin / "psql", "-At", server.url("postgres"), "-c", "SELECT name FROM pg_settings WHERE pending_restart",
             "-c", "SELECT error FROM pg_hba_file_rules WHERE error NOT LIKE '%SSL is disabled'", "-c", "SHOW checkpoint_timeout"],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        assert shown.stdout.split() == ["15min"]
    finally:
        server.stop()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here: apt install systemd")
@pytest.mark.parametrize("change", UNITS, ids=lambda file: str(file.relative_to(DEPLOY)))
def test_systemd_takes_each_change(change: Path, tmp_path: Path) -> None:
    name = change.parent.name.removesuffix(".d")
    ours = ROOT / "systemd" / name.replace("-2.service", ".service")
    unit = ours.read_text() if ours.exists() else "[Service]\nExecStart=/bin/true\n"
    (tmp_path / name).write_text(re.sub(r"(?<=^ExecStart=)/usr/bin/gate-\w+", "/bin/true", unit, flags=re.MULTILINE))
    (tmp_path / f"{name}.d").mkdir()
    text = re.sub(r"(?<=^ExecStart=)/usr/s?bin/\S+", "/bin/true", change.read_text(), flags=re.MULTILINE)
    (tmp_path / f"{name}.d" / change.name).write_text(re.sub(r"^(User|Group)=.*$", r"\1=root", text, flags=re.MULTILINE))
    ran = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / name)], capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("number", [1, 2])
def test_each_collectors_command_is_one_that_ours_takes(number: int) -> None:
    folder = f"gate-province-collect{'' if number == 1 else '-2'}.service.d"
    line = settings_of((DEPLOY / "cluster" / folder / "amqp.conf").read_text())["ExecStart"]
    parser = argparse.ArgumentParser()
    collect_command.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(shlex.split(line)[1:])
    assert (arguments.folder, arguments.number) == (HOME.root, number)
    assert broker_address.amqp_addresses(arguments.amqp) == [(f"mq{place}.example.vn", 5671) for place in (1, 2, 3)]


def test_the_guide_names_every_file() -> None:
    guide = (ROOT / "hw_docs/deployment.md").read_text()
    files = [str(file.relative_to(DEPLOY)) for file in sorted(DEPLOY.rglob("*")) if file.is_file() and file.name != "README.md"]
    assert [file for file in files if file not in guide] == []
