"""What firmware tells the keeper's page of itself each second: bounded, and nobody's name."""

from __future__ import annotations

import json

import gate_fixtures
from gate_bench import CARD, Bench, codes
from gate_world import now_ms
from test_reader_tests import Page

from firmware.reading import SourceChanged, SourceState

enrolled, bench = gate_fixtures.enrolled, gate_fixtures.bench


def test_the_counters_tell_a_keeper_what_is_the_matter_and_grow_no_longer(bench: Bench) -> None:
    for _, code in codes(30):
        bench.show(code)
    bench.tick()
    bench.take(SourceChanged("in", SourceState.FAULT, "the port is gone " + "x" * 1000))
    bench.tests.begin({"lane": "out", "seconds": 5}, Page())
    told = bench.consumer.counters()
    assert told["why"]["in"].startswith("the port is gone")
    assert len(told["why"]["in"]) == 300
    assert (list(told["answered"]), told["answered"]["in"]["signal"]) == (["in"], "accepted")
    assert abs(told["answered"]["in"]["at_ms"] - now_ms()) < 60_000
    assert told["outbox"] == {"state": "working", "waiting": 30}
    assert told["reader_test"] == "out"
    assert len(json.dumps(told)) < 2000
    bench.take(SourceChanged("in", SourceState.WORKING))
    bench.recording.recorder.close()
    bench.consumer._outbox._repair_at_s = float("inf")
    bench.show(CARD)
    told = bench.consumer.counters()
    assert (told["why"], told["outbox"]["state"], told["answered"]["in"]["signal"]) == ({}, "broken", "refused")
