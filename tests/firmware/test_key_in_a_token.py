"""A gate whose key is in a token: what people see when the token is away, and that nothing owed is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import gate_fixtures
import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gate_bench import CARD, PHONE, Bench
from gate_run import Gate
from gate_world import WAIT_S, Enrolled, gate_toml
from soft_token import MODULE, SoftToken, needs_softhsm, soft_token

from drivers.indicator import Signal
from edge_agent.base.disk import write_private
from edge_agent.device import identity
from edge_agent.device.token_signer import TokenSigner
from edge_agent.store.outbox import FILE_NAME
from edge_agent.wire.entry import Clock, Kind

pytestmark = needs_softhsm
enrolled = gate_fixtures.enrolled


@pytest.fixture
def token(tmp_path: Path) -> Iterator[SoftToken]:
    with soft_token(tmp_path / "token") as token:
        yield token


@pytest.fixture
def bench(enrolled: Enrolled, token: SoftToken) -> Iterator[Bench]:
    """A bench whose device signs with a key in the token."""
    enrolled.signer = cast("Ed25519PrivateKey", TokenSigner(token.uri, make=True))
    write_private(enrolled.state / identity.FOLDER / identity.SIGNING_KEY, token.uri.encode())
    with closing(Bench(enrolled)) as bench:
        yield bench


def test_nobody_is_turned_away_for_a_lost_session(bench: Bench) -> None:
    bench.show(CARD)
    pkcs11.lib(str(MODULE)).finalize()
    bench.show(PHONE, time.monotonic() + 60)
    assert bench.answers() == [Signal.ACCEPTED, Signal.ACCEPTED]
    assert len(bench.enrolled.passages()) == 2


def test_a_token_that_is_away_is_a_fault_and_no_note_is_lost(bench: Bench, token: SoftToken, caplog: pytest.LogCaptureFixture) -> None:
    bench.clock = Clock.UNKNOWN
    bench.tick()
    bench.show(CARD)
    token.unplug()
    bench.consumer.note(Kind.BOOT, {"software": "1"})
    bench.clock = Clock.SYNCHRONISED
    bench.tick()
    bench.show(PHONE, time.monotonic() + 60)
    assert (bench.answers(), bench.state()) == ([Signal.ACCEPTED, Signal.REFUSED], Signal.FAULT)
    bench.tick()
    assert bench.state() is Signal.FAULT  # the light tells the next person the truth
    token.plug()
    bench.tick()
    assert bench.state() is Signal.READY
    bench.show(PHONE, time.monotonic() + 120)
    assert bench.answers()[-1] is Signal.ACCEPTED
    assert bench.enrolled.kinds() == [Kind.PASSAGE, Kind.BOOT, Kind.CLOCK, Kind.PASSAGE]
    assert bench.repairs == 0  # nothing was wrong with the outbox
    assert caplog.text.count("not recorded: token gate, key signing") == 1
    assert "please report" not in caplog.text


def test_a_gate_that_starts_before_its_token_is_to_be_started_again(bench: Bench, token: SoftToken) -> None:
    token.unplug()
    gate = Gate(gate_toml(bench.enrolled, {"name": "in", "direction": "in", "reader": "serial:/dev/nope"}))
    try:
        gate.err.wait_for("check that it is plugged in")
        assert gate.process.wait(WAIT_S) == 1  # 2 would say: mend the configuration first
    finally:
        gate.kill()


def test_an_outbox_removed_after_the_token_came_back_is_repaired_again(
    bench: Bench, token: SoftToken, caplog: pytest.LogCaptureFixture
) -> None:
    token.unplug()
    bench.show(CARD)
    token.plug()
    for file in bench.enrolled.state.glob(FILE_NAME + "*"):
        file.unlink()
    bench.tick()  # sees that the file is gone
    bench.tick()
    assert (bench.repairs, bench.state()) == (1, Signal.READY)
    assert "was removed while the gate was open" in caplog.text  # one trouble does not hide the next
