"""A case as a tracer opens it: where somebody was in three weeks, and who shared air with them; 100 people."""

from __future__ import annotations

import time

import numpy as np
from measures import Measure, at_most, told
from size_world import World, backend_of, cpu_s

from province.tracing.rules import Rules
from province.tracing.trace import Trace

_PEOPLE = 100
_PLACES_MS, _CONTACTS_MS = 100.0, 1000.0


def measure(world: World) -> list[Measure]:
    """How long both take, and how much is found."""
    passed = np.bincount(world.passages.person)
    chosen = np.random.default_rng(world.spec.seed).permutation(np.flatnonzero(passed))[:_PEOPLE]
    places_ms, contacts_ms, visits, found = [], [], 0, 0
    with world.register() as connection:
        server = backend_of(connection)
        own_s, server_s = time.process_time(), cpu_s(server)
        for number in chosen.tolist():
            began_s = time.perf_counter()
            trace = Trace(connection, world.keystore, Rules(), world.now_ms)
            moved = trace.movements(world.people[number].id_number)
            known_s = time.perf_counter()
            found += len(trace.contacts(moved).found)
            visits += len(moved.visits)
            places_ms.append((known_s - began_s) * 1000)
            contacts_ms.append((time.perf_counter() - known_s) * 1000)
        own_s, server_s = time.process_time() - own_s, cpu_s(server) - server_s
    return [
        told("places of a case, half of 100", float(np.percentile(places_ms, 50)), "ms"),
        at_most("places of a case, 95 of 100", float(np.percentile(places_ms, 95)), "ms", _PLACES_MS),
        told("contacts of a case, half of 100", float(np.percentile(contacts_ms, 50)), "ms"),
        at_most("contacts of a case, 95 of 100", float(np.percentile(contacts_ms, 95)), "ms", _CONTACTS_MS),
        told("CPU of a case", own_s / len(places_ms) * 1000, "ms"),
        told("CPU of a case, of the server's", server_s / len(places_ms) * 1000, "ms"),
        told("stays of a case", visits / len(places_ms), "found"),
        told("contacts of a case", found / len(places_ms), "found"),
    ]
