"""`gate-province`: the receiving end, as one command."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence

from edge_agent.base.command_line import Program, dispatch, guarded
from edge_agent.base.console import complain
from province.base.errors import AlreadyThere, NotAProvince, ProvinceError

_COMMANDS = {
    "demo": "the whole chain on this machine, with invented people",
    "init": "make a province: keys, register and broker configuration",
    "unit": "the province's districts and communes",
    "org": "the organisations: who has sites, who watches over them",
    "site": "the places: add, list, show, close, their posters",
    "registry": "units, organisations and sites from tables, and into tables",
    "checkin": "the page that visitors reach by a site's poster",
    "ticket": "a QR that lets one new scanner join",
    "admit": "let scanners join, renew their certificates",
    "approve": "let in a scanner after comparing its fingerprint",
    "device": "add scanners by bundle, list them, revoke them",
    "command": "have scanners do something, and hear what became of it",
    "config": "set scanners from afar",
    "release": "sign software for scanners, and serve it",
    "rollout": "update scanners, a few first",
    "collect": "receive entries, register them, send receipts",
    "watch": "take the scanners' health, raise alerts",
    "fleet": "see how the scanners are, in this terminal",
    "fleet-page": "the same as a page for operators' browsers",
    "login": "who may look at that page",
    "web": "the province's pages for keepers, tracers, reporters and administrators",
    "account": "who works with those pages: roles, phones, passwords",
    "api": "the registry, figures and the fleet for other programs",
    "client": "which programs may ask it, and their tokens",
    "alerts": "what is wrong in the fleet, and who has taken it on",
    "operator": "give somebody a desk for one organisation's scanners",
    "viewer": "let an organisation's own tools read its scanners' health",
    "rabbitmq": "users and rights for RabbitMQ instead of Mosquitto",
    "entries": "show passages, masked",
    "find": "count where and when one identifier passed",
    "logs": "show each device's log: range, gaps, forks, alerts",
    "quarantine": "show what was refused, and why",
    "card": "print personal codes for people with no phone",
    "report": "the daily and weekly reports, and sending them",
    "held": "show and open entries that wait for a key",
    "prove": "certify that a scanner's day is complete, or where it is not",
    "subject": "look up, hand out or erase what is kept of one person",
    "trace": "where a case was, and who shared air with them",
    "audit": "check and show the log of every unmasked look",
    "certificates": "when the province's own end, and renewing them",
    "keyring": "show the published sealing keys, publish longer ones",
    "retention": "destroy what is past retention",
    "store": "show and upgrade the register's tables",
}

_EPILOG = """\
examples:
  gate-province demo                               see everything work, on this machine
  gate-province init ./trial                       a new province
  gate-province device add ./trial --org cho-dong-ba --device cong-1 --site "Chợ Đông Ba" --gate "Cổng chính"
  mosquitto -c ./trial/mosquitto.conf              its broker
  gate-province collect ./trial                    its collector
  gate-province watch ./trial                      how its scanners are
  gate-province fleet ./trial                      the same, to look at
  gate-province admit ./trial                      the door by which scanners join with a ticket
  gate-province entries ./trial --limit 20         the latest passages, masked
  gate-province retention run ./trial --dry-run    which days would be closed for good (every night, by a timer)

`gate-province COMMAND --help` shows each command's options and examples.
Exit codes: 0 done, 1 could not be done, 2 wrong command line or not a province's folder, 130 Ctrl-C.
"""

_FAILED, _USAGE = 1, 2
PROGRAM = Program(
    name="gate-province",
    package="province.shell",
    description="The receiving end: the province's keys, the collector of entries, and the register.",
    epilog=_EPILOG,
    commands=_COMMANDS,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0 done, 1 could not be done, 2 wrong command line or folder, 130 Ctrl-C."""
    return guarded(lambda: _explained(argv), PROGRAM.name)


def _explained(argv: Sequence[str] | None) -> int:
    try:
        return dispatch(PROGRAM, argv)
    except (NotAProvince, AlreadyThere) as error:
        complain(PROGRAM.name, str(error))
        return _USAGE
    except ProvinceError as error:
        complain(PROGRAM.name, str(error))
        return _FAILED
    except sqlite3.Error as error:  # while only reading: `database.transaction` explains what happens while writing
        complain(PROGRAM.name, f"the register cannot be read now ({getattr(error, 'sqlite_errorname', type(error).__name__)}). Try again.")
        return _FAILED


if __name__ == "__main__":
    sys.exit(main())
