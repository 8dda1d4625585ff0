"""What is kept of a device's telemetry for a day: the few numbers that are worth a chart, every five minutes."""

from __future__ import annotations

import msgspec

from edge_agent.wire.telemetry import Telemetry

SLOT_MS = 300_000


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """A device at the end of five minutes, for charts; None where it did not tell."""

    at_ms: int
    busy_percent: float | None
    temperature_c: float | None
    available_mb: int | None
    free_mb: int | None
    signal_dbm: int | None
    waiting: int | None
    oldest_age_s: int | None
    entries_today: int | None
    answers: int
    inside: int | None
    decode_p95_ms: float | None
    frames_per_s: float | None

    @classmethod
    def of(cls, told: Telemetry, at_ms: int) -> Sample:
        """What of a device's telemetry is worth a chart."""
        looks = [source.decode_p95_ms for source in told.sources.values() if source.decode_p95_ms is not None]
        rates = [source.frames_per_s for source in told.sources.values() if source.frames_per_s is not None]
        outbox, network = told.outbox, told.network
        return cls(
            at_ms,
            told.cpu.busy_percent,
            told.cpu.temperature_c,
            None if told.memory is None else told.memory.available_mb,
            None if told.disk is None else told.disk.free_mb,
            None if network is None else network.signal_dbm,
            None if outbox is None else outbox.waiting,
            None if outbox is None else outbox.oldest_age_s,
            None if told.log is None else told.log.entries_today,
            sum(told.answers.values()),
            None if told.presence is None else told.presence.inside,
            max(looks, default=None),
            min(rates, default=None),
        )
