"""Shuts a stolen device out: its signatures, its certificates, and the session it has open this very moment.

Measured on Mosquitto 2.0.11: SIGHUP makes it load a new revocation list, but a session that is open stays open and goes on publishing. What
ends it is MQTT itself: a second client of the same id takes a session over (MQTT 3.1.1, section 3.1.4). The broker takes the client id
from the certificate, so nobody but the authority can do that: we certify the device's name once more, for minutes, and connect.
Source: decision 0061.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge_agent.link.broker_link import BrokerLink, Connected, Disconnected, Event
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire.topics import DeviceName
from province.base.errors import NotAProvince, ProvinceError
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.keys.tls_authority import TlsAuthority, TlsIdentity
from province.registry import certificates, devices, revocations
from province.store import database
from province.store.opened import Connection

_log = logging.getLogger(__name__)
_LIFE = timedelta(minutes=10)
_RELOAD_S = 40.0
_ANSWER_S = 15.0
_MOSQUITTO = "mosquitto"


class StillOpen(ProvinceError):
    """Its signatures count no more, but the broker could not be made to shut it out; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Broker:
    """The broker as this machine reaches it, and how to make it read its files again.

    Attributes:
        by_name: `reload` takes the device's name away, which ends its session too (RabbitMQ): then there is nothing to take over.
    """

    address: tuple[str, int]
    reload: Callable[[], None]
    by_name: bool = False


def reload_by_pid(layout: Layout) -> None:
    """Sends SIGHUP to the Mosquitto that was started with our configuration on this machine.

    The process is held while it is looked at: a pid file outlives a killed broker, and its number may be another program's by now.

    Raises:
        StillOpen: it does not run here, or is not ours to signal.
    """
    advice = (
        'Give a command with --reload, such as --reload "systemctl reload mosquitto", and do it again. '
        "The device's signatures count no more."
    )
    process = None
    try:
        number = int(layout.broker_pid.read_text())
        process = os.pidfd_open(number)
        name = Path(f"/proc/{number}/comm").read_text().rstrip("\n")
        if name == _MOSQUITTO:
            signal.pidfd_send_signal(process, signal.SIGHUP)
    except (OSError, ValueError, OverflowError):
        raise StillOpen(f"{layout.broker_pid}: no running Mosquitto can be told to read the new list. {advice}") from None
    finally:
        if process is not None:
            os.close(process)
    if name != _MOSQUITTO:
        raise StillOpen(f"{layout.broker_pid}: names process {number}, which is {name}, not Mosquitto; it was left alone. {advice}")


def run(words: list[str]) -> None:
    """Runs an operator's own command that makes the broker read its files.

    Raises:
        StillOpen: it failed.
    """
    try:
        subprocess.run(words, check=True)  # noqa: S603 - the operator's own command
    except (OSError, subprocess.CalledProcessError) as error:
        raise StillOpen(f"--reload {' '.join(words)!r}: {error}. Its signatures count no more; do it again.") from None


def have_it_read(layout: Layout, added: int) -> None:
    """Has the broker read the list of revoked certificates, which has become longer, or says in the log who must."""
    try:
        reload_by_pid(layout)
    except StillOpen:
        _log.warning(
            "%s: %d revoked certificates added, and no Mosquitto of ours runs here. Make the broker read it: copy it there if it is on "
            "another machine, then `systemctl reload mosquitto`; RabbitMQ reads it by itself",
            layout.revocations, added,
        )  # fmt: skip
    else:
        _log.info("%s: %d revoked certificates added, and the broker was told to read it", layout.revocations, added)


def revoke(layout: Layout, name: DeviceName, broker: Broker, now_ms: int) -> int:
    """Shuts a device out, for good.

    In this order, so that each step holds even when the next one fails: the keystore (the collector believes no signature of its key
    from its next batch on, and no backup undoes it), the register, the list of revoked certificates, the broker's reading of it, the
    open session. The authority's key is needed from the list on. Doing it again is harmless.

    Args:
        layout: the province.
        name: whom.
        broker: where its session is.
        now_ms: milliseconds since 1970 UTC.

    Returns:
        How many of its certificates are revoked now that were not before.

    Raises:
        NotAProvince: there is no such device; nothing was done.
        KeystoreAway, NotNoted, RevocationsDamaged: nothing was done.
        StillOpen: its signatures count no more; the list could not be made, or the broker was not reached or did not read it.
        RegisterBusy: do it again; what the keystore has noted holds.
    """
    with closing(revocations.connect(layout, now_ms)) as connection:
        marked = _refuse_signatures(layout, connection, name, now_ms)
        probe, successor = write_list(layout, connection, str(name), now_ms)
    end_session(layout, str(name), broker, probe, successor)
    return marked


def end_session(layout: Layout, user: str, broker: Broker, probe: TlsIdentity, successor: TlsIdentity) -> None:
    """Has the broker read the new list and ends the session that somebody has open under a name.

    Args:
        layout: the province.
        user: the name.
        broker: where the session is.
        probe: certified for the name, and on the list.
        successor: certified for the name, and not on the list.

    Raises:
        StillOpen: the broker was not reached or did not read it.
    """
    broker.reload()
    _wait_until_refused(layout, user, broker.address, probe)
    if broker.by_name:
        return
    why = _connect(layout, user, broker.address, successor)
    if why is not None:
        raise StillOpen(f"the session could not be taken over: {why}. Its signatures count no more; do it again.")
    _wait_until_refused(layout, user, broker.address, probe)  # the first refusal may have been the network's


def _refuse_signatures(layout: Layout, connection: Connection, name: DeviceName, now_ms: int) -> int:
    """Notes and revokes the device's key and certificates, and returns how many of these were not revoked before."""
    with database.transaction(connection, layout.register):
        device = devices.find(connection, name)
        if device is None:
            raise NotAProvince(f"{name}: no such device. See `gate-province device list`.")
        given = certificates.given_to(connection, name) | revocations.certificates_of(connection, device.public_key)
        revocations.note(Keystore(layout.keystore), revocations.Revocation(name, device.public_key, now_ms, given))
        devices.revoke_key(connection, device.public_key)
        return certificates.revoke(connection, name, now_ms)


def write_list(layout: Layout, connection: Connection, user: str, now_ms: int) -> tuple[TlsIdentity, TlsIdentity]:
    """Writes the list of revoked certificates; returns a probe for a name that is on it, and one that is not.

    Raises:
        StillOpen: it cannot be made or written.
    """
    try:
        authority = TlsAuthority.load(layout.authority_key, layout.authority_certificate)
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        probe, successor = (authority.client(user, now, _LIFE) for _each in range(2))
        certificates.write_list(layout, connection, authority, now_ms, extra=probe.serial)
    except NotAProvince as error:
        raise StillOpen(f"{error} The device's signatures count no more, but the broker still lets it in; then do it again.") from None
    except OSError as error:
        raise StillOpen(
            f"{layout.revocations}: cannot be written ({error.strerror}). Its signatures count no more; make room and do it again."
        ) from None
    return probe, successor


def _wait_until_refused(layout: Layout, user: str, address: tuple[str, int], probe: TlsIdentity) -> None:
    """Waits until the broker acts on the new list: the probe's certificate is on it, so a broker that lets it in has not read it yet."""
    deadline_s = time.monotonic() + _RELOAD_S
    while (why := _connect(layout, user, address, probe)) is None:
        if time.monotonic() > deadline_s:
            raise StillOpen(f"broker {address[0]}:{address[1]} goes on with its old list of revoked certificates. Restart it.")
    _log.debug("the broker refuses the probe: %s", why)


def _connect(layout: Layout, user: str, address: tuple[str, int], identity: TlsIdentity) -> str | None:
    """Connects once under a name and leaves again; None when let in, else why not."""
    seen: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="gate-province-") as folder:  # readable by its owner only
        certificate, key = Path(folder) / "tls.crt", Path(folder) / "tls.key"
        certificate.write_bytes(identity.certificate_pem)
        key.write_bytes(identity.key_pem)
        endpoint = Endpoint(*address, layout.authority_certificate, certificate, key)
        link = BrokerLink(endpoint, user, [], seen.put, clean_session=True)  # clean: what was kept for the device is dropped too
        link.start()
        try:
            with suppress(queue.Empty):
                match seen.get(timeout=_ANSWER_S):
                    case Connected():
                        return None
                    case Disconnected(why):
                        return why
            return f"broker {address[0]}:{address[1]}: no answer: check the network"
        finally:
            link.stop()
