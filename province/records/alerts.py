"""What the province tells its operators about a device's logs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge_agent.wire.topics import DeviceName


class AlertKind(StrEnum):
    """What may be wrong with a log."""

    FORK = "fork"  # two envelopes under one number: a cloned or restored card, or a stolen key
    BROKEN_LINK = "broken-link"  # an entry names another predecessor than the one we have
    UNANNOUNCED_LOG = "unannounced-log"  # a new log that does not say what came before it, though the device had another
    CUT_PREDECESSOR = "cut-predecessor"  # a new log names an end of the earlier one, maybe of another name, that has not arrived


@dataclass(frozen=True, slots=True)
class Alert:
    """One finding; telling it again changes nothing.

    Attributes:
        seq: the number it is about.
        hash: fork: the later envelope; broken-link: what the entry names as the one before; cut-predecessor: the named head.
        raised_ms: when, milliseconds since 1970 UTC.
        resolved_ms: when what was missing arrived, or None.
    """

    kind: AlertKind
    name: DeviceName
    log: bytes
    seq: int
    hash: bytes
    raised_ms: int
    resolved_ms: int | None = None
