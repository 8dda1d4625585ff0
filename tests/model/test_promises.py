"""The four promises against a hostile network: a short run of `make model`."""

from __future__ import annotations

from model_world import happened
from promise_machine import HOSTILE, run


def test_the_promises_hold_whatever_the_broker_does() -> None:
    run(runs=70, by_chance=False)
    assert happened["runs"] >= 70, "a run that was not settled was not checked"
    assert [deed for deed in HOSTILE if not happened[deed]] == [], "not tried at all"
