"""A process that works on an outbox until it is killed: `record` appends and reports each entry, `forward` forgets and reports."""

from __future__ import annotations

import sys
from pathlib import Path

from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import Spot
from edge_agent.store.recorder import Recorder
from edge_agent.wire.entry import NO_PREVIOUS
from edge_agent.wire.envelope import envelope_hash
from edge_agent.wire.receipt import Range, Status


def envelope_of(spot: Spot) -> bytes:
    """An envelope that says its place and its link, so that any reader can check both."""
    return b"%s %d %s " % (spot.log.hex().encode(), spot.seq, spot.prev.hex().encode()) + b"." * (spot.seq % 700)


def place_of(envelope: bytes) -> tuple[str, int, str]:
    log, seq, prev, _filling = envelope.split(b" ", 3)
    return log.decode(), int(seq), prev.decode()


def record(path: Path, count: int) -> None:
    recorder = Recorder(path, 10**9)
    for _ in range(count):
        recorded = recorder.append(envelope_of)
        sys.stdout.write(f"{recorded.log.hex()} {recorded.seq} {recorded.hash.hex()}\n")
        sys.stdout.flush()
        recorder.checkpoint_if_large()
    recorder.close()


def forward(path: Path, count: int) -> None:
    forwarder = Forwarder(path)
    done = 0
    while done < count:
        for waiting in forwarder.page(0, 50):
            log, seq, _prev = place_of(waiting.envelope)
            part = Range(seq, seq, envelope_hash(waiting.envelope), Status.REGISTERED)
            if forwarder.forget(bytes.fromhex(log), part).entries:
                sys.stdout.write(f"{log} {seq} {part.last_hash.hex()}\n")
                sys.stdout.flush()
                done += 1
        forwarder.checkpoint()
    forwarder.close()


assert NO_PREVIOUS.hex() == "0" * 64

if __name__ == "__main__":
    {"record": record, "forward": forward}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
