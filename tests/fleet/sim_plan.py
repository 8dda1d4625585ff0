"""How a simulated fleet is run, and what a run has found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

LEAST_DEVICES = 40  # each trouble once, and enough that are well to drop off, to be told, and to come back


@dataclass(frozen=True, slots=True)
class Plan:
    """How a fleet is run.

    Attributes:
        period_s: of telemetry.
        entries_s: a scanner's mean time between two entries.
        steady_s: how long nothing happens but that.
        register_s: how often the watch looks into the register.
        gone_s: of the watch's limits, as settle_s.
        away_s: how long the broker stays away in the second storm; 0: there is none.
        drain: how many entries one scanner brings after its network was away.
        orders: to so many scanners, or to all that are well where they are fewer.
        least_s: of `cadence`.
        slow: also what takes a while: troubles that show after a minute, and scanners that vanish without a word.
        page: also look at the operators' page, if there is a browser.
    """

    devices: int
    period_s: float = 30.0
    keepalive_s: int = 30
    entries_s: float = 60.0
    steady_s: float = 120.0
    register_s: float = 60.0
    gone_s: float = 4.0
    settle_s: float = 75.0
    away_s: float = 90.0
    drain: int = 3000
    orders: int = 20
    least_s: float = 5.0
    slow: bool = True
    page: bool = True

    @property
    def least_of_each(self) -> int:
        """Scanners in each condition that is not `well`."""
        return max(1, self.devices // 100)


@dataclass(slots=True)
class Storm:
    """Everybody connects.

    Attributes:
        after_s: of each connection, seconds since the beginning.
        failed: connections that failed meanwhile.
        told_s: of each telemetry, the same.
    """

    name: str
    after_s: list[float]
    failed: int
    told_s: list[float]

    def most_a_second(self, which: str = "after_s") -> int:
        """How many in the fullest second."""
        return max(Counter(int(at_s) for at_s in getattr(self, which)).values(), default=0)


@dataclass
class Outcome:
    """What a run has found; times in seconds.

    Attributes:
        cpu: of each process while all was steady, as a share of a core.
        rss_mb: of each, at the end of that.
        delays: telemetry told until it can be seen: steady, while a backlog is drained, while everybody connects.
        alerts: by way of dying or of finding out, from its cause until an alert can be seen.
        receipts: an entry recorded until its receipt, steady and while a backlog is drained by another.
        flaws: what was wrong in what is shown.
        page: of the operators' page, if there is one.
    """

    plan: Plan
    founded_s: float = 0.0
    telemetry_hz: float = 0.0
    entries_hz: float = 0.0
    beat: list[float] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)
    rss_mb: dict[str, float] = field(default_factory=dict)
    delays: dict[str, list[float]] = field(default_factory=dict)
    alerts: dict[str, list[float]] = field(default_factory=dict)
    receipts: dict[str, list[float]] = field(default_factory=dict)
    storms: list[Storm] = field(default_factory=list)
    obeyed: int = 0
    ordered: int = 0
    viewer: int = 0
    watch_back_s: float = 0.0
    drained_s: float = 0.0
    flaws: list[str] = field(default_factory=list)
    page: dict[str, list[float]] = field(default_factory=dict)

    @property
    def will_limit_s(self) -> float:
        """A last will shows as an alert within this."""
        return self.plan.keepalive_s * 1.5 + 5.0
