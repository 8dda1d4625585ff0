"""Makes an older province able to send commands: the keys for it, the operator's name at the broker, and its access rules."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.wire.command import POWERS
from province.base.files import PUBLIC, make_folder, write_atomically
from province.base.layout import COMMANDER, Layout
from province.keys import officers
from province.keys.terms import DAY_MS, LIFE, Role
from province.trust import broker_config, operator_records
from province.trust.renewing import load_authority


def is_ready(layout: Layout) -> bool:
    """Whether everything is there."""
    keys = all(officers.key_file(layout, power).exists() and officers.certificate_file(layout, power).exists() for power in POWERS)
    return keys and (layout.commander / "client.crt").exists() and layout.commands.is_dir()


def prepare(layout: Layout, root: Ed25519PrivateKey, now_ms: int) -> None:
    """Makes what is missing, and writes the broker's access rules anew; what is there stays. Cut short, it is done again.

    Raises:
        NotAProvince: the authority cannot be read.
        OSError: it cannot be written.
    """
    for folder in (layout.commander, layout.commands):
        if not folder.is_dir():
            make_folder(folder)
    life_ms = int(LIFE[Role.IDENTIFY].total_seconds() * 1000)
    for power in POWERS:
        if not officers.certificate_file(layout, power).exists():
            officers.appoint(layout, power, root, now_ms - DAY_MS, now_ms + life_ms)
    if not (layout.commander / "client.crt").exists():
        made = load_authority(layout).client(COMMANDER, datetime.fromtimestamp(now_ms / 1000, UTC), LIFE[Role.COMMANDER])
        write_atomically(layout.commander / "client.key", made.key_pem)
        write_atomically(layout.commander / "client.crt", made.certificate_pem, PUBLIC)
    write_atomically(layout.broker_rules, broker_config.rules(operator_records.active(layout)).encode())
