"""The command `rotate-keys`: another TLS key for this device, and the province's certificate for it."""

from __future__ import annotations

import queue
from dataclasses import dataclass
from pathlib import Path

from edge_agent.commands.executors import Failed, Job, Marks, NeedsNobody, cut_short, until
from edge_agent.device.identity import BadIdentity
from edge_agent.device.token_signer import TokenTrouble
from edge_agent.enrolment import tls_rotation
from edge_agent.enrolment.certificate_keeper import CertificateKeeper

_ANSWER_S = 60.0


@dataclass(frozen=True, slots=True)
class RotateKeys(NeedsNobody):
    """Makes the key, has it certified over the broker, and connects anew with both. Cut short, the device has one whole pair or the other.

    Attributes:
        keeper: of the certificate.
        state: the device's state folder.
    """

    keeper: CertificateKeeper
    state: Path

    def before(self, _arguments: tuple[str, ...], /) -> Marks:
        """Which key it is now."""
        return {"key": self._key()}

    def carry_out(self, job: Job, /) -> None:
        """Asks, and waits for the answer."""
        answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        try:
            self.keeper.rotate(tls_rotation.begin(self.state), answers.put)
        except tls_rotation.NotHere as error:
            raise Failed("not-here", str(error)) from None
        except (OSError, BadIdentity, TokenTrouble) as error:
            raise Failed("not-made", f"the new key cannot be made ({error})") from None
        if not until(lambda: not answers.empty(), _ANSWER_S, job.pause):
            raise Failed("no-answer", "the province has not certified the new key in time; is `gate-province admit` running?")
        if trouble := answers.get():
            raise Failed("not-certified", trouble)

    def found_running(self, job: Job, /) -> None:
        """Another key than before: it was exchanged."""
        if self._key() == job.marks.get("key"):
            raise cut_short()

    def _key(self) -> str:
        try:
            return tls_rotation.fingerprint(self.state)
        except (OSError, BadIdentity) as error:
            raise Failed("not-read", f"the key cannot be read ({error})") from None
