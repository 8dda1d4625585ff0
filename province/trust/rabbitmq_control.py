"""Takes a device's name away at a RabbitMQ: whose name is no user of it is not let in, whatever certificate he has.

Measured on RabbitMQ 3.10.8: `rabbitmqctl delete_user` ends the connections which that user has, in the same moment.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from edge_agent.wire.topics import DeviceName
from province.trust.revoking import StillOpen

_NO_SUCH_USER = 67  # EX_NOUSER of sysexits.h, as rabbitmqctl counts: somebody did it before


def delete_user(command: Sequence[str], name: DeviceName | str) -> None:
    """Deletes the user of a device or an operator and so ends its session.

    Args:
        command: how rabbitmqctl is run, such as `ssh mqtt sudo rabbitmqctl`.
        name: the user's.

    Raises:
        StillOpen: the command failed; the message says what to do.
    """
    words = [*command, "delete_user", str(name)]
    try:
        ran = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 - the operator's own command
    except OSError as error:
        raise StillOpen(f"{command[0]}: cannot be run ({error.strerror}). Its signatures count no more; do it again.") from None
    if ran.returncode not in {0, _NO_SUCH_USER}:
        why = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StillOpen(
            f"{' '.join(words)}: ended with {ran.returncode} ({why}). Its signatures count no more. Do it again, or where RabbitMQ runs: "
            f"rabbitmqctl delete_user {name}"
        )
