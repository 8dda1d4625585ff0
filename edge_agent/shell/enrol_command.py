"""`gate-agent enrol`: makes this device a member of a province: by a ticket, by an approval, or with a file carried by hand."""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from pathlib import Path

from edge_agent.base.console import print_line
from edge_agent.base.disk import make_folder, told
from edge_agent.base.process_lock import AlreadyRunning
from edge_agent.device import device_keys, identity, settings_file
from edge_agent.device import settings as settings_of
from edge_agent.device.mounts import lost_place
from edge_agent.device.token_signer import TokenTrouble
from edge_agent.enrolment import enrol, join, stick
from edge_agent.enrolment.knock import NotReached, Untrusted
from edge_agent.enrolment.membership import BadMembership
from edge_agent.enrolment.takeover import AlreadyEnrolled
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.joining import Membership
from edge_agent.wire.ticket import fingerprint, shown

log = logging.getLogger(__name__)


class Fleeting(Exception):
    """What joining makes would be gone at power-off, and the ticket burnt."""


_EPILOG = """\
examples:
  gate-agent enrol --ticket GATE1:T:2KCF…     with a ticket of `gate-province ticket` (or show it to the camera instead)
  gate-agent enrol --ticket GATE1:T:2KCF…     with an invitation: waits until `gate-province approve` has let it in
  gate-agent enrol --label                        the fingerprint for the label on this device
  gate-agent enrol --label --token 'pkcs11:token=gate;object=signing?module-path=/usr/lib/p11.so&pin-source=file:/etc/gate-scanner/pin'
  gate-agent enrol --request /media/usb/r.json    by a stick: 1. write a request, 2. there: gate-province device add --request,
  gate-agent enrol /media/usb/answer.json         3. back here with the answer
  gate-agent enrol gate-1.bundle.json             with a bundle that holds keys made by the province: destroy it afterwards
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "enrol",
        help="join a province: with a ticket, an approval, or a file",
        description="Makes this device a member of a province.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("bundle", nargs="?", type=Path, metavar="FILE", help="a bundle, or the answer to a request")
    way.add_argument("--ticket", metavar="TEXT", help="a ticket or an invitation")
    way.add_argument("--request", type=Path, metavar="FILE", help="write a request to carry to the province")
    way.add_argument("--label", action="store_true", help="make the keys if there are none, and print their fingerprint")
    parser.add_argument("--token", metavar="URI", help="with --label: make the signing key in this PKCS#11 token (RFC 7512), not in a file")
    parser.add_argument("--config", type=Path, default=settings_of.DEFAULT_PATH, metavar="FILE", help="default: %(default)s")
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="state folder, instead of the one in the configuration; it may lie in memory"
    )


def run(args: argparse.Namespace) -> int:
    """Enrols; 0 when done, 1 when it cannot be done now or here, 2 for a bad ticket, file or configuration."""
    try:
        return _enrol(args, args.state or _state_of(args.config))
    except (enrol.BadBundle, stick.BadAnswer, Malformed, Forged) as error:
        log.error("%s", error)  # noqa: TRY400 - a message for people, not a fault of ours
        return 2
    except (Fleeting, AlreadyEnrolled, AlreadyRunning, NotReached, Untrusted, join.Refused, BadMembership, identity.BadIdentity) as error:
        log.error("%s", error)  # noqa: TRY400 - the same
        return 1
    except OSError as error:
        log.error("%s", told(error, args.state or args.config))  # noqa: TRY400 - the same
        return 1


def _state_of(config: Path) -> Path:
    device = settings_file.load(config).device
    if not device.memory and (place := lost_place(device.state)):
        raise Fleeting(f"{device.state} lies {place}: keys made there are lost at the next start. Have its partition mounted")
    return device.state


def _enrol(args: argparse.Namespace, state: Path) -> int:
    if args.token is not None and not args.label:
        raise Malformed("--token goes with --label: make the key first, then join")
    if args.label:
        try:
            keys = device_keys.load_or_make(state, args.token)
        except TokenTrouble as error:
            raise identity.BadIdentity(str(error)) from None
        except ValueError as error:
            raise Malformed(f"--token: {error}") from None
        print_line(f"key {shown(fingerprint(keys.signing.public_key()))}  serial {device_keys.serial_number()}")
        return 0
    if args.request is not None:
        stick.write_request(args.request, state)
        print_line(f"Wrote {args.request}: no secret. At the province: gate-province device add DIR --request {args.request.name} …")
        return 0
    if args.ticket is not None:
        _tell(_by_ticket(args.ticket, state))
        return 0
    if stick.is_answer(args.bundle):
        _tell(stick.install(args.bundle, state))
        return 0
    bundle = enrol.read_bundle(args.bundle)
    enrol.install(bundle, state)
    print_line(f"{bundle.name} enrolled at {bundle.fields['site']}, {bundle.fields['gate']}. Now destroy {args.bundle}.")
    return 0


def _by_ticket(text: str, state: Path) -> Membership:
    make_folder(state)
    with join.locked(state):
        return join.until_answered(text, state, threading.Event().wait, _say)


def _say(why: str) -> None:
    print_line(why)
    sys.stdout.flush()  # it may take long: whoever reads it through a pipe should see it now


def _tell(one: Membership) -> None:
    print_line(f"{one.name} enrolled at {one.site}, {one.gate}. Now: gate-firmware run, gate-agent run.")
