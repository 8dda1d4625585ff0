"""`gate-province rabbitmq`: users and rights for a province whose broker is RabbitMQ instead of Mosquitto."""

from __future__ import annotations

import argparse
import json
from contextlib import closing, suppress
from pathlib import Path

from cryptography import x509

from edge_agent.base.console import complain, print_line
from province.base.broker_address import AMQPS_PORT
from province.base.clock import now_ms, shown
from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.registry import certificates, devices, revocations
from province.trust import operator_records, rabbitmq_rules

_EPILOG = """\
examples:
  gate-province rabbitmq /srv/gate --config >> /etc/rabbitmq/rabbitmq.conf     once
  gate-province rabbitmq /srv/gate --advanced > /etc/rabbitmq/advanced.config  once
  gate-province rabbitmq /srv/gate --rights > rights.json                      whenever a device or an operator joined, these four:
  rabbitmqctl import_definitions rights.json
  gate-province rabbitmq /srv/gate > definitions.json
  rabbitmqctl import_definitions definitions.json
  gate-province rabbitmq /srv/gate --amqp …                                    each of these, for collectors that read a queue by AMQP

In this order: RabbitMQ imports topic rights last, and until then would let who is new write and read everything. For the first start name
a folder with both in rabbitmq.conf, load_definitions = /etc/rabbitmq/gate, as 1-rights.json and 2-definitions.json.
Only active devices are named, and importing takes no user away: `gate-province device revoke --rabbitmqctl COMMAND` does, and so ends
its session. With advanced.config RabbitMQ also refuses revoked certificates, at once; without, give a device that replaces a stolen one
another name. RabbitMQ must be able to read the files these name: where it runs as another user or elsewhere, copy them and change the
paths (and copy authority/*.r0 after each revocation).

With --amqp a quorum queue of all entries is among the definitions: import them when all nodes of the cluster are up, so that each gets its
copy, and only if collectors run with --amqp: nobody else reads it. Enable rabbitmq_mqtt and rabbitmq_auth_mechanism_ssl.
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
    parser.add_argument("--amqp", action="store_true", help="collectors read a quorum queue by AMQP: `gate-province collect --amqp`")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--rights", action="store_true", help="print what must be imported first: nobody gets in by it alone")
    instead.add_argument("--config", action="store_true", help="print the lines for rabbitmq.conf instead")
    instead.add_argument("--advanced", action="store_true", help="print advanced.config instead, with the list of revoked certificates")


def run(args: argparse.Namespace) -> int:
    """Prints definitions or configuration."""
    layout = Layout(args.folder.absolute())
    settings = layout.read_settings()
    if args.config or args.advanced:
        files = str(layout.authority_certificate), str(layout.broker / "server.crt"), str(layout.broker / "server.key")
        text = (
            rabbitmq_rules.advanced(*files, str(_lists(layout)))
            if args.advanced
            else rabbitmq_rules.config(*files, settings.port, amqp_port=AMQPS_PORT if args.amqp else None)
        )
        for line in text.splitlines():
            print_line(line)
        return 0
    with closing(revocations.connect(layout, now_ms())) as connection:
        names = [device.name for device in devices.every(connection) if device.status == devices.ACTIVE]
        for name in names:
            if (until := certificates.revoked_until(connection, name, now_ms())) is not None:
                complain(
                    "gate-province",
                    f"{name}: an earlier certificate of this name was revoked. A RabbitMQ without our advanced.config lets its holder in "
                    f"until {shown(until)}: see --advanced.",
                )
    made = rabbitmq_rules.definitions(names, operator_records.active(layout), amqp=args.amqp)
    print_line(json.dumps(rabbitmq_rules.rights(made) if args.rights else made, ensure_ascii=True))
    return 0


def _lists(layout: Layout) -> Path:
    """The folder in which RabbitMQ looks for the list of revoked certificates, the list in it under the name it looks for."""
    name = rabbitmq_rules.list_name(x509.load_pem_x509_certificate(layout.authority_certificate.read_bytes()))
    try:
        with suppress(FileExistsError):
            (layout.authority / name).symlink_to(layout.revocations.name)
    except OSError as error:
        raise ProvinceError(f"{layout.authority / name}: cannot be made ({error.strerror}). Run this as the province's owner.") from None
    return layout.authority
