"""What the outbox goes through between two power cuts: entries recorded, sent, forgotten and folded, and logs that fork."""

from __future__ import annotations

from pathlib import Path

from crash_device import Device
from sealed_examples import DEVICE, PASSAGE, UNDATED_KEY, header

from edge_agent.store import outbox, recorder
from edge_agent.store.forwarder import Forwarder
from edge_agent.wire import envelope


def _sealed_hybrid(spot: outbox.Spot) -> bytes:
    """A longer envelope: it lies on two pages."""
    at = header(spot.seq, spot.prev, spot.log, key=UNDATED_KEY, predecessor=spot.predecessor)
    return envelope.make(at, PASSAGE, UNDATED_KEY.sealing_key(), DEVICE)


def record(folder: Path) -> None:
    """A first start, entries, an orderly stop, a second start."""
    device = Device(folder, build=_sealed_hybrid)
    device.record(6)
    device.recorder.probe()
    device.recorder.close()
    device.open()
    device.record(5)


def send(folder: Path) -> None:
    """The agent sends and forgets while firmware goes on recording."""
    device = Device(folder)
    device.record(8)
    forwarder = Forwarder(device.path)
    forwarder.settle()
    for forgotten in (3, 4):
        device.receipted(forwarder, device.sent(forwarder)[:forgotten])
        device.record(2)
    device.receipted(forwarder, device.sent(forwarder)[:2])
    device.receipted(forwarder, device.sent(forwarder))  # nobody passes meanwhile: two of the agent's commits in a row
    forwarder.settle()
    device.record(2)
    device.sent(forwarder)


def checkpoint(folder: Path) -> None:
    """The write-ahead log is folded back, by the agent when idle and by firmware past its limit, and begun anew."""
    recorder.CHECKPOINT_BYTES = 20 * 1024
    device = Device(folder)
    forwarder = Forwarder(device.path)
    for _ in range(3):
        device.record(4)
        forwarder.checkpoint()
        device.receipted(forwarder, device.sent(forwarder)[:3])
        forwarder.checkpoint()
    before = device.folded
    device.record(12)
    assert device.folded > before, "firmware folds nothing any more: this scenario cuts nothing of it"


def fork(folder: Path) -> None:
    """The province holds other bytes under one of our numbers: a new log begins."""
    device = Device(folder)
    device.record(4)
    forwarder = Forwarder(device.path)
    device.receipted(forwarder, device.sent(forwarder)[:2], forked=True)
    device.record(4)
    device.sent(forwarder)


def again(folder: Path) -> None:
    """A start on what a power cut has left, and some work."""
    device = Device(folder)
    device.record(2)
    forwarder = Forwarder(device.path)
    device.receipted(forwarder, device.sent(forwarder)[:1])
    device.record(1)
