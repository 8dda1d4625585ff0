"""Keeps this device's TLS certificate from running out, and gets a new one when it has.

While the broker lets us in: asked for over MQTT from two thirds of its life on. When it does not (weeks in a drawer, and the certificate is
over): asked for at the province's door by the signing key, for as long as it takes an operator to approve. Entries wait in the outbox.

A broker may refuse what the province has just given (its clock, its lists): the door cannot cure that, and is asked again an hour later,
then after two, four … up to a day.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from edge_agent.device import device_keys, known_time
from edge_agent.device.device_keys import DeviceKeys
from edge_agent.device.identity import BadIdentity, Identity
from edge_agent.device.token_signer import TokenTrouble
from edge_agent.enrolment import knock, membership, tls_rotation
from edge_agent.enrolment.membership import BadMembership
from edge_agent.link.broker_link import Message
from edge_agent.wire import joining
from edge_agent.wire.cose import Forged
from edge_agent.wire.joining import Answer, Wish
from edge_agent.wire.topics import Leaf

log = logging.getLogger(__name__)
_LOOK_S, _HOUR_S, _DAY_S = 60.0, 3_600.0, 86_400.0
_REFUSALS = 3  # in a row, before the door is asked: a broker that starts up may refuse once
_FIRST_WAIT_S, _LONGEST_WAIT_S = 2.0, 600.0


class Link(Protocol):
    """The part of `BrokerLink` that is needed here."""

    def publish(self, message: Message) -> object:
        """Hands a message over for sending."""

    def renew(self) -> None:
        """Connects anew, with the certificate as it is now."""


class CertificateKeeper:
    """Watches one certificate.

    Args:
        identity: who we are.
        state: the device's state folder.
        wall_ms: the system's time, milliseconds since 1970 UTC.
        steady_s: a clock that nobody sets, seconds.
    """

    def __init__(
        self,
        identity: Identity,
        state: Path,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._identity = identity
        self._state = state
        self._link: Link | None = None
        self._wall_ms = wall_ms
        self._steady_s = steady_s
        self._asked: bytes | None = None
        self._rotating: tuple[DeviceKeys, Callable[[str], None]] | None = None
        self._look_again_s = -math.inf
        self._refusals = 0
        self._door_again_s, self._door_wait_s = -math.inf, _HOUR_S
        self._given_over = False  # what the door gave last was over at once, by our clock
        self._advised = False
        self._at_the_door: threading.Thread | None = None
        self._let_in = threading.Event()
        self._trouble = ""
        self._stopped = False
        self._certificate = known_time.read_certificate(identity.endpoint.certificate_file)

    def use(self, link: Link) -> None:
        """Names the connection whose certificate it is."""
        self._link = link

    def stop(self) -> None:
        """Stands at the door no longer; returns at once, though somebody may still wait there for an answer."""
        self._stopped = True
        self._let_in.set()

    def _begin_and_end_ms(self) -> tuple[int, int]:
        if self._certificate is None:
            return (0, 0)
        begin, end = self._certificate.not_valid_before_utc, self._certificate.not_valid_after_utc
        return int(begin.timestamp() * 1000), int(end.timestamp() * 1000)

    def known_ms(self) -> int:
        """The latest time this device has proof of."""
        return known_time.known_ms(self._state, self._identity.root, self._certificate)

    def _now_ms(self) -> int:
        return max(self._wall_ms(), self.known_ms())

    def _is_over(self) -> bool:
        return self._now_ms() > self._begin_and_end_ms()[1]

    def connected(self) -> None:
        """The broker let us in."""
        self._refusals = 0
        self._door_wait_s = _HOUR_S
        self._let_in.set()
        self.look()

    def look(self) -> None:
        """Asks for a new certificate over the broker when it is time, at most once a day; call it now and then while connected."""
        if self._steady_s() < self._look_again_s:
            return
        self._look_again_s = self._steady_s() + _LOOK_S
        begin_ms, end_ms = self._begin_and_end_ms()
        if self._now_ms() < begin_ms + (end_ms - begin_ms) * 2 // 3:
            return
        self._look_again_s = self._steady_s() + _DAY_S
        try:
            self._asked = device_keys.load(self._state).request(Wish.RENEW)
        except (OSError, BadIdentity) as error:
            log.error("no new certificate can be asked for: %s", error)  # noqa: TRY400 - a message for people
            return
        log.info("asking for a new certificate")
        if self._link is not None:
            self._link.publish(Message(self._identity.name.topic(Leaf.CERTIFICATE_REQUEST), self._asked))

    def rotate(self, keys: DeviceKeys, done: Callable[[str], None]) -> None:
        """Asks for a certificate for another TLS key, which lies beside the old one; returns at once.

        Args:
            keys: with the new TLS key.
            done: told once, in the uplink's thread: nothing when it is in use, else what is wrong.

        Raises:
            token_signer.TokenTrouble: the signing key is in a token that does not sign now.
        """
        asked = keys.request(Wish.RENEW)
        self._rotating, self._asked = (keys, done), asked
        if self._link is not None:
            self._link.publish(Message(self._identity.name.topic(Leaf.CERTIFICATE_REQUEST), asked))

    def _rotated(self, trouble: str) -> None:
        rotating, self._rotating = self._rotating, None
        if rotating is not None:
            tls_rotation.finish(self._state)
            rotating[1](trouble)

    def answered(self, payload: bytes) -> None:
        """Takes what the province sends.

        Raises:
            Malformed, Forged: not the answer to what we asked.
            OSError: it cannot be stored; it is asked for again tomorrow.
        """
        if self._asked is None:
            raise Forged("membership: nobody asked")
        try:
            if not self._take(joining.read_answer(payload, self._asked, self._identity.root)):
                log.warning("no new certificate: %s", self._trouble)
                self._rotated(self._trouble)
        except (BadMembership, BadIdentity) as error:
            self._rotated(str(error))
            log.error("the new certificate cannot be used: %s", error)  # noqa: TRY400 - a message for people

    def _take(self, answer: Answer, *, at_the_door: bool = False) -> bool:
        """Puts a granted certificate in place; False when none was granted. The same one again is no reason to connect anew."""
        if answer.membership is None:
            self._trouble = answer.reason
            return False
        rotating = None if at_the_door else self._rotating
        new = membership.renew(answer.membership, device_keys.load(self._state) if rotating is None else rotating[0], self._identity)
        self._asked = None
        if rotating is not None:
            self._rotated("")
        self._certificate = new or self._certificate
        if at_the_door:
            self._leave_the_door_alone()
        if new is None:
            log.warning("the province gave the certificate again that is here already")
        else:
            log.info("new certificate until %s", new.not_valid_after_utc.date().isoformat())
            if self._link is not None:
                self._link.renew()
        return True

    def _leave_the_door_alone(self) -> None:
        self._door_again_s = self._steady_s() + self._door_wait_s
        self._door_wait_s = min(_DAY_S, self._door_wait_s * 2)
        self._given_over, self._advised = self._is_over(), False

    def disconnected(self, *, refused: bool) -> None:
        """The connection ended, or did not come about; `refused`: the broker did not want us. Returns at once."""
        self._refusals = self._refusals + 1 if refused else self._refusals
        over = self._is_over()
        door = self._identity.door
        if door is None or not (over or (refused and self._refusals >= _REFUSALS)):
            return  # with one that is over nobody would let us in, whatever failed this time
        if self._at_the_door is not None and self._at_the_door.is_alive():
            return
        if self._steady_s() < self._door_again_s and (self._given_over or not over):
            self._advise()
            return
        self._let_in.clear()
        self._at_the_door = threading.Thread(target=self._stand_at, args=(door,), name="at-the-door", daemon=True)
        self._at_the_door.start()

    def _advise(self) -> None:
        """Says, once for each certificate that the door gave, where to look: another one would not help."""
        if self._advised:
            return
        self._advised = True
        minutes = math.ceil((self._door_again_s - self._steady_s()) / 60)
        if self._given_over:
            log.error(
                "the certificate that the province gave is over by this device's clock: set the clock. Next one asked for in %d min",
                minutes,
            )
            return
        log.error(
            "the broker does not accept the certificate that the province gave lately. At the broker, look at its clock, the list of "
            "revoked certificates that it reads, its access rules or definitions (is this device in them?). "
            "The door is asked again in %d min at the earliest",
            minutes,
        )

    def _stand_at(self, door: tuple[str, int]) -> None:
        """Knocks until there is a new certificate, or the broker lets us in all the same."""
        wait_s, said = _FIRST_WAIT_S, ""
        while not self._knock(door):
            if self._trouble != said:
                said = self._trouble
                log.warning("no new certificate: %s", said)
            if self._let_in.wait(random.uniform(0.5, 1.0) * wait_s):  # noqa: S311 - spreading load, not a secret
                return
            wait_s = min(_LONGEST_WAIT_S, wait_s * 1.5)

    def _knock(self, door: tuple[str, int]) -> bool:
        try:
            answer = knock.for_renewal(door, self._identity.root, device_keys.load(self._state)).answer
            return self._stopped or self._take(answer, at_the_door=True)
        except (knock.NotReached, knock.Untrusted, TokenTrouble, BadIdentity, BadMembership) as error:
            self._trouble = str(error)
        except OSError as error:
            self._trouble = f"it cannot be stored ({error})"
        return False
