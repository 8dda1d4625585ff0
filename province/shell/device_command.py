"""`gate-province device`: adds scanners by a file, lists them, shuts out stolen ones."""

from __future__ import annotations

import argparse
import shlex
from contextlib import closing
from pathlib import Path

from edge_agent.base.console import print_json, print_line, print_table
from edge_agent.wire.topics import DeviceName
from province.base.broker_address import broker_address
from province.base.clock import now_ms, shown
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.joining.enrolling import Place, add_device, answer_stick
from province.registry import devices, revocations
from province.registry.tickets import Grant
from province.trust import rabbitmq_control, revoking

_EPILOG = """\
examples:
  gate-province device add /srv/gate --org cho-dong-ba --device cong-1 --site "Chợ Đông Ba" --gate "Cổng chính"
  gate-province device list /srv/gate
  gate-province device revoke /srv/gate cho-dong-ba/cong-1
"""

_REVOKE_EPILOG = """\
examples:
  gate-province device revoke /srv/gate cho-dong-ba/cong-1
  gate-province device revoke /srv/gate cho-dong-ba/cong-1 --broker mqtt.hue.example.vn:8883 --reload "ssh mqtt systemctl reload mosquitto"
  gate-province device revoke /srv/gate cho-dong-ba/cong-1 --rabbitmqctl "sudo rabbitmqctl"      the broker is a RabbitMQ

A broker on another machine needs the new authority/ca.crl first: let COMMAND copy it there and reload. A new device may join under
the same name afterwards; the old one only with new keys (gate-agent reset --new-keys) and a new ticket. With a RabbitMQ that has no
advanced.config of ours (gate-province rabbitmq --advanced) give the new device another name.
"""

_ADD_EPILOG = """\
examples:
  gate-province device add /srv/gate --org cho-dong-ba --device cong-1 --site "Chợ Đông Ba" --gate "Cổng chính"
  gate-province device add /srv/gate --org xe-buyt --device so-8 --site "Tuyến 8" --gate "Cửa trước" --out /media/usb/so-8.json

  gate-province device add /srv/gate --org xe-buyt --device so-9 --site "Tuyến 9" --gate "Cửa trước" --request /media/usb/request.json

Carry the file to the device by hand and run there: gate-agent enrol FILE. With --request (made on the device by
`gate-agent enrol --request`) it holds no secret. Without, it holds the device's private keys, of which the province keeps no copy:
delete it afterwards. The root key travels in it: carry it yourself.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `device` to the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser(
        "device",
        help="add scanners by a file, list them, revoke them",
        description="Adds scanners, lists them, shuts out stolen ones.",
        epilog=_EPILOG,
        formatter_class=raw,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser(
        "add",
        help="register a scanner and write its bundle",
        description="Makes a scanner's keys, registers it, and writes the one file it needs to join.",
        epilog=_ADD_EPILOG,
        formatter_class=raw,
    )
    add.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    add.add_argument("--org", required=True, help="whose it is: lower-case letters, digits, hyphens")
    add.add_argument("--device", required=True, metavar="NAME", help="its name in that organisation: the same letters")
    add.add_argument("--site", required=True, help='the place, such as "Chợ Đông Ba"')
    add.add_argument("--gate", required=True, help='the door of that place, such as "Cổng chính"')
    add.add_argument("--broker-host", metavar="HOST", help="how it reaches the broker (default: the first --host of init)")
    add.add_argument("--broker-port", type=int, metavar="PORT", help="the broker's TLS port (default: that of init)")
    add.add_argument("--request", type=Path, metavar="FILE", help="the device's request: then its private keys never leave it")
    add.add_argument("--out", type=Path, metavar="FILE", help="the file for the device (default: ./ORG-NAME.bundle.json, .answer.json)")
    listing = actions.add_parser(
        "list", help="list the scanners", description="Lists the registered scanners.", epilog=_EPILOG, formatter_class=raw
    )
    listing.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    listing.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    stop = actions.add_parser(
        "revoke",
        help="shut out a stolen scanner",
        description="Shuts out a stolen scanner for good: its signatures, its certificates, its open session. Needs the broker to run.",
        epilog=_REVOKE_EPILOG,
        formatter_class=raw,
    )
    stop.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    stop.add_argument("name", metavar="ORG/DEVICE", help="which one")
    stop.add_argument("--broker", metavar="HOST:PORT", help="default: the first --host and --port of init")
    how = stop.add_mutually_exclusive_group()
    how.add_argument("--reload", metavar="COMMAND", help="makes the broker read its files again (default: SIGHUP to the one started here)")
    how.add_argument("--rabbitmqctl", metavar="COMMAND", help="the broker is a RabbitMQ: how its rabbitmqctl is run")


def run(args: argparse.Namespace) -> int:
    """Adds or lists."""
    layout = Layout(args.folder.absolute())
    if args.action == "add":
        return _add(layout, args)
    if args.action == "revoke":
        return _revoke(layout, args)
    return _list(layout, as_json=args.json)


def _revoke(layout: Layout, args: argparse.Namespace) -> int:
    settings = layout.read_settings()
    org, _, device = args.name.partition("/")
    try:
        name = DeviceName(org, device)
    except ValueError as error:
        raise NotAProvince(f"{args.name}: {error}.") from None
    address = broker_address(args.broker, (settings.hosts[0], settings.port))
    broker = _broker(layout, args, name, address)
    revoking.revoke(layout, name, broker, now_ms())
    print_line(f"Revoked {name}: no signature of it counts any more, the broker refuses its certificates, its session is ended.")
    print_line("What it had delivered before stays. What was still on it is lost unless the device comes back.")
    return 0


def _broker(layout: Layout, args: argparse.Namespace, name: DeviceName, address: tuple[str, int]) -> revoking.Broker:
    if control := shlex.split(args.rabbitmqctl or ""):
        return revoking.Broker(address, lambda: rabbitmq_control.delete_user(control, name), by_name=True)
    words = shlex.split(args.reload or "")
    return revoking.Broker(address, (lambda: revoking.run(words)) if words else (lambda: revoking.reload_by_pid(layout)))


def _add(layout: Layout, args: argparse.Namespace) -> int:
    settings = layout.read_settings()
    try:
        name, place = DeviceName(args.org, args.device), Place(args.site, args.gate)
    except ValueError as error:
        raise NotAProvince(f"{error}.") from None
    port = settings.port if args.broker_port is None else args.broker_port
    if not 1 <= port <= 65535:
        raise NotAProvince(f"--broker-port {port}: must be 1 to 65535.")
    out = args.out or Path(f"{name.org}-{name.device}.{'answer' if args.request else 'bundle'}.json")
    broker = (args.broker_host or settings.hosts[0], port)
    if args.request is not None:
        key = answer_stick(layout, args.request, Grant(name, place.site, place.gate), broker, out.absolute(), now_ms())
        print_line(f"Registered {name} with key {key}: compare it with the device's label. On the device: gate-agent enrol {out}")
        return 0
    add_device(layout, name, place, broker, out.absolute(), now_ms())
    print_line(f"Registered {name}. On the device: gate-agent enrol {out}")
    print_line("The file holds the device's private keys: carry it by hand and delete it once enrolled.")
    return 0


def _list(layout: Layout, *, as_json: bool) -> int:
    layout.read_settings()
    with closing(revocations.connect(layout, now_ms())) as connection:
        known = devices.every(connection)
    if as_json:
        for device in known:
            print_json(
                {
                    "org": device.name.org,
                    "device": device.name.device,
                    "site": device.site,
                    "gate": device.gate,
                    "status": device.status,
                    "public_key": device.public_key.public_bytes_raw().hex(),
                    "certificate_serial": device.certificate_serial,
                    "added_ms": device.added_ms,
                }
            )
        return 0
    rows = [(str(device.name), device.site, device.gate, device.status, shown(device.added_ms)) for device in known]
    print_table(("device", "site", "gate", "status", "added"), rows)
    return 0
