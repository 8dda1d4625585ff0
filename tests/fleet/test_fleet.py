"""A small fleet through everything that `make fleet` does, and proof that its comparison would see what is wrong."""

from __future__ import annotations

from pathlib import Path

from sim_run import Plan, run
from sim_table import table

QUICK = Plan(
    40, period_s=1.0, keepalive_s=5, entries_s=4.0, steady_s=2.0, register_s=0.5, settle_s=3.0, away_s=0.0, drain=300, orders=3, slow=False, page=False
)  # fmt: skip


def test_a_small_fleet_is_shown_as_it_is(tmp_path: Path) -> None:
    outcome = run(tmp_path, QUICK, seed=1)
    assert outcome.flaws == [], table(outcome)
    assert outcome.obeyed == QUICK.orders
