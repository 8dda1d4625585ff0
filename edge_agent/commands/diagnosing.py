"""The command `diagnostics`: makes the diagnosis of this device, seals it to the province's key of the day, and sends it in pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.commands.executors import Failed, Job, Marks, NeedsNobody, cut_short
from edge_agent.device import stored_keyring
from edge_agent.device.identity import Identity
from edge_agent.device.stored_keyring import NoKeyring
from edge_agent.wire import sealed_bundle
from edge_agent.wire.keyring import day_of


@dataclass(frozen=True, slots=True)
class Diagnostics(NeedsNobody):
    """Collects and sends; what is under way when the power goes is not sent again, it is ordered anew.

    Attributes:
        identity: who signs it.
        config: gate.toml.
        state: the device's state folder.
        times: trusted time or None, and its lower bound.
    """

    identity: Identity
    config: Path
    state: Path
    times: Callable[[], tuple[int | None, int]]

    def before(self, _arguments: tuple[str, ...], /) -> Marks:
        """Nothing to note."""
        return {}

    def carry_out(self, job: Job, /) -> None:
        """Collects, seals, sends."""
        from edge_agent.diagnosis.diagnosis_bundle import bundle  # noqa: PLC0415 - much that the agent needs for nothing else

        now_ms, not_before_ms = self.times()
        try:
            key = stored_keyring.read(self.state, self.identity.root).key_for(day_of(now_ms or not_before_ms)).sealing_key()
            sealed = sealed_bundle.make(bundle(self.config).data, self.identity.name, job.counter, key, self.identity.signer)
        except (NoKeyring, OSError) as error:
            raise Failed("not-sealed", f"it cannot be sealed ({error})") from None
        except ValueError as error:
            raise Failed("too-large", f"{error}: run gate-agent diagnose at the scanner") from None
        job.deliver(sealed)

    def found_running(self, _job: Job, /) -> None:
        """Some pieces may have come."""
        raise cut_short()
