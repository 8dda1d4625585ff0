"""A reset that was cut short is finished by firmware before it looks who this device is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from gate_run import Gate
from gate_world import Enrolled, gate_toml

from edge_agent.device import identity, resetting
from edge_agent.device.documents import Documents
from edge_agent.store.recorder import Recorder


def test_firmware_finishes_it_and_is_nobodys_gate(tmp_path: Path) -> None:
    enrolled = Enrolled(tmp_path / "state", tmp_path / "run")
    with closing(Recorder(enrolled.outbox, 10**6)) as recorder:
        last = recorder.append(lambda _spot: b"an entry that somebody agreed to throw away")
    former = {"org": "cho-lon", "device": "gate-1", "log": last.log.hex(), "seq": last.seq, "hash": last.hash.hex()}
    with closing(Documents(enrolled.state)) as documents:
        documents.put(resetting.DOCUMENT, asdict(resetting.Plan(former, 1, new_keys=False)))
    gate = Gate(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": "serial:/dev/nope"}))
    try:
        gate.err.wait_for("the reset of this device had been cut short; now it is done")
        gate.err.wait_for("not enrolled: nobody is recorded")
        assert gate.stop() == 0
    finally:
        gate.kill()
    assert enrolled.sealed() == []
    with closing(Documents(enrolled.state)) as documents:
        assert (documents.get(identity.ENROLMENT), documents.get(resetting.DOCUMENT)) == (None, None)
