"""`gate-province rabbitmq`: users and rights for a province whose broker is RabbitMQ instead of Mosquitto."""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from pathlib import Path

from province import devices, rabbitmq_rules, revocations
from province.clock import now_ms
from province.console import print_line
from province.layout import Layout

_EPILOG = """\
examples:
  gate-province rabbitmq /srv/gate --config >> /etc/rabbitmq/rabbitmq.conf     once
  gate-province rabbitmq /srv/gate > definitions.json                          whenever a device joined or was revoked, then:
  rabbitmqctl import_definitions definitions.json

Only active devices are named: for one that is not, also `rabbitmqctl delete_user ORG/DEVICE`, and rabbitmqctl close_all_user_connections.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `rabbitmq` to the command line."""
    parser = subparsers.add_parser(
        "rabbitmq",
        help="users and rights for RabbitMQ instead of Mosquitto",
        description="Prints RabbitMQ's definitions (users, permissions, topic permissions) for the devices as they are registered now.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument("--config", action="store_true", help="print the lines for rabbitmq.conf instead")


def run(args: argparse.Namespace) -> int:
    """Prints definitions or configuration."""
    layout = Layout(args.folder.absolute())
    settings = layout.read_settings()
    if args.config:
        certificate, key = str(layout.broker / "server.crt"), str(layout.broker / "server.key")
        for line in rabbitmq_rules.config(str(layout.authority_certificate), certificate, key, settings.port).splitlines():
            print_line(line)
        return 0
    with closing(revocations.connect(layout, now_ms())) as connection:
        names = [device.name for device in devices.every(connection) if device.status == devices.ACTIVE]
    print_line(json.dumps(rabbitmq_rules.definitions(names), ensure_ascii=True))
    return 0
