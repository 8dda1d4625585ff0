"""One person's passages, as `gate-province find` looks them up: 200 people, each found as often as they passed."""

from __future__ import annotations

import time

import numpy as np
from measures import Measure, at_most, none_of, told
from size_world import World, backend_of, cpu_s

from province.records import views

_PEOPLE = 200
_BAR_MS = 100.0


def measure(world: World) -> list[Measure]:
    """How long it takes, and how many were not found right."""
    passed = np.bincount(world.passages.person)
    chosen = np.random.default_rng(world.spec.seed).permutation(np.flatnonzero(passed))[:_PEOPLE]
    times_ms, wrong, found = [], 0, 0
    with world.register() as connection:
        server = backend_of(connection)
        own_s, server_s = time.process_time(), cpu_s(server)
        for number in chosen.tolist():
            began_s = time.perf_counter()
            passages = views.find(connection, world.keystore, world.people[number].id_number)
            times_ms.append((time.perf_counter() - began_s) * 1000)
            found += len(passages)
            wrong += len(passages) != passed[number]
        own_s, server_s = time.process_time() - own_s, cpu_s(server) - server_s
    return [
        told("a person's passages, half of 200", float(np.percentile(times_ms, 50)), "ms"),
        at_most("a person's passages, 95 of 100", float(np.percentile(times_ms, 95)), "ms", _BAR_MS),
        told("CPU a look-up, with the server's", (own_s + server_s) / len(times_ms) * 1000, "ms"),
        told("passages of a person", found / len(times_ms), "found"),
        none_of("people found with too many or too few", wrong, "people"),
    ]
