"""`gate-province config`: sets scanners from afar, and shows how each stands."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from edge_agent.base import logs
from edge_agent.base.console import complain, print_json, print_line, visible
from edge_agent.link.broker_link import Message
from edge_agent.wire import config_text, desired_config, topics
from edge_agent.wire.authority import Power
from edge_agent.wire.desired_config import MOST_CHARACTERS, Desired
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms
from province.base.errors import NotAProvince
from province.commands import issuing, seat
from province.commands.operating import Desk, at_the_broker
from province.keys import officers

_MOST_BYTES = 64 * 1024
_ENDS = {"applied", "refused", "rolled-back"}
_EPILOG = """\
examples:
  gate-province config set /srv/gate gate.toml cho-coc-leu/cong-1 cho-coc-leu/cong-2
  gate-province config show /srv/gate cho-coc-leu/cong-1
  echo - | gate-province config set /srv/gate /dev/stdin cho-coc-leu/cong-1      back to the scanner's own gate.toml alone

The file says only what shall differ from the scanner's own gate.toml, and replaces all that was set before:
  [gate]
  opening_hours = "mo-su 05:00-19:00"
  [[lane]]
  name = "trái"          # a lane that is there
  direction = "out"
Wiring, folders, clock and name cannot be set from afar. The scanner checks it whole, tries it, and takes it back unless firmware, sources
and connection are well with it within a minute. One that is away gets it when it is back.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `config` to the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser("config", help="set scanners from afar", description=__doc__, epilog=_EPILOG, formatter_class=raw)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    setting = actions.add_parser("set", help="set some scanners", description=__doc__, epilog=_EPILOG, formatter_class=raw)
    setting.add_argument("folder", type=Path, metavar="DIR", help="the province's folder, or a desk's")
    setting.add_argument("file", type=Path, metavar="FILE", help="TOML: what shall differ; a file of one hyphen: nothing")
    setting.add_argument("--wait", type=float, default=120.0, metavar="SECONDS", help="how long to wait for the scanners (120)")
    setting.add_argument("--reason", default="", help="why, kept in the audit log")
    showing = actions.add_parser("show", help="how each stands", description=__doc__, epilog=_EPILOG, formatter_class=raw)
    showing.add_argument("folder", type=Path, metavar="DIR", help="the province's folder, or a desk's")
    showing.add_argument("--wait", type=float, default=5.0, metavar="SECONDS", help="how long to wait for what the broker keeps (5)")
    for each in (setting, showing):
        each.add_argument("names", nargs="+", metavar="ORG/DEVICE", help="the scanners")
        each.add_argument("--json", action="store_true", help="one JSON object a line")
        each.add_argument("--broker", metavar="HOST:PORT", help="default: the first --host and --port of init")


def run(args: argparse.Namespace) -> int:
    """Sets or shows."""
    logs.configure(verbose=False)
    text = _read(args.file) if args.action == "set" else ""
    with seat.taken(args.folder, args.broker) as here:
        layout, names = here.layout, list(dict.fromkeys(here.scanners.named(each) for each in args.names))
        with at_the_broker(layout, here.address, names, Leaf.CONFIG_REPORTED, user=here.user) as desk:
            sent: dict[DeviceName, int] = {}
            if args.action == "set":
                officer = officers.load_officer(layout, Power.CONFIGURE)
                for name in names:
                    here.enter(f"config set {name}: {args.file.name}", args.reason)
                    sent[name] = issuing.next_counter(layout, now_ms())
                    signed = desired_config.issue(Desired(name, sent[name], text), officer)
                    desk.send(Message(name.topic(Leaf.CONFIG_DESIRED), signed, retain=True))
            told = _hear(desk, names, sent, args)
    for name in names:
        if name not in told:
            complain(
                "gate-province", f"{name}: nothing heard in {args.wait:g} s; it is set when it is back, see: gate-province config show"
            )
    return 0 if all(told.get(name, {}).get("state") in {"applied", "none"} for name in names) else 1


def _read(file: Path) -> str:
    """The file's text, which must be TOML that fits."""
    try:
        with file.open("rb") as opened:
            text = opened.read(_MOST_BYTES).decode()
        config_text.wanted(text, file)
    except OSError as error:
        raise NotAProvince(f"{file}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError as error:
        raise NotAProvince(f"{file}: not TOML ({error}).") from None
    except config_text.BadText as error:
        raise NotAProvince(str(error)) from None
    if not 1 <= len(text) <= MOST_CHARACTERS:
        raise NotAProvince(f"{file}: must have 1 to {MOST_CHARACTERS} characters; write only what shall differ.")
    return text


def _hear(desk: Desk, names: list[DeviceName], sent: dict[DeviceName, int], args: argparse.Namespace) -> dict[DeviceName, dict[str, Any]]:
    """What each says of it last, once it has ended."""
    ends: dict[DeviceName, dict[str, Any]] = {}
    for arrived in desk.heard(args.wait):
        whose, said = topics.parse(arrived.topic), _reported(arrived.payload)
        if whose is None or said is None or (whose[0] in sent and said["counter"] != sent[whose[0]]):
            continue
        _tell(whose[0], said, as_json=args.json)
        if not sent or said["state"] in _ENDS:
            ends[whose[0]] = said
        if len(ends) == len(names):
            break
    return ends


def _reported(payload: bytes) -> dict[str, Any] | None:
    """What a scanner says, None when it is not that."""
    try:
        said = json.loads(payload)
        right = isinstance(said["state"], str) and type(said["counter"]) is int and isinstance(said["errors"], list)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return said if right and isinstance(said, dict) else None


def _tell(name: DeviceName, said: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json({"device": str(name), **{key: said.get(key) for key in ("state", "counter", "errors", "settings")}})
        return
    print_line(f"{name}: {visible(said['state'])}")
    for error in said["errors"]:
        print_line(f"  {visible(str(error))}")
