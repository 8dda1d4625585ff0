"""What the collector adds to the cryptography that each entry costs anyhow: its entries per CPU-second against opening and verifying alone.

The collector is the real process behind a real Mosquitto; its CPU time is the kernel's count, from the first entry to the last receipt.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from measures import Measure, at_least, told
from province_world import Broker, Collecting, Log, Scanner, Session, free_port, scanner, session, settings, wait_for_keyring

from edge_agent.link.broker_link import Message
from edge_agent.wire import envelope
from edge_agent.wire.sealing import Suite
from edge_agent.wire.topics import Leaf
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.day_keys import DayKeys
from province.keys.keystore import Keystore
from province.trust import founding

_ENTRIES = 3000
_WARM_UP = 200
_TICKS_A_S = os.sysconf("SC_CLK_TCK")
_LONGEST_S = 120.0


def cpu_s(pid: int) -> float:
    """User and system time of a process so far: proc(5), fields 14 and 15 of stat."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_S


def _alone_s(layout: Layout, gate: Scanner, entries: list[bytes]) -> float:
    """CPU-seconds of verifying and opening the same entries, nothing else."""
    private_keys = {}
    for day in Keystore(layout.keystore).epochs():
        keys = Keystore(layout.keystore).load(day)
        assert isinstance(keys, DayKeys)
        private_keys[keys.public.sealing_key().key_id] = keys.private
    public = gate.signing_key.public_key()
    started_s = time.process_time()
    for one in entries:
        verified = envelope.verify(one, public)
        envelope.open_body(verified, Suite.XWING, private_keys[verified.header.key_id])
    return time.process_time() - started_s


def _publish(device: Session, entries: list[bytes]) -> None:
    for one in entries:
        device.link.publish(Message(device.scanner.name.topic(Leaf.ENTRIES), one))


def _collected_s(collectors: list[Collecting], gate: Scanner, warm_up: list[bytes], entries: list[bytes]) -> float:
    """CPU-seconds of all collectors from the first of `entries` to the receipt of the last."""
    with session(gate) as device:
        device.deliver(*warm_up)
        before_s = sum(cpu_s(one.process.pid) for one in collectors)
        sender = threading.Thread(target=_publish, args=(device, entries))
        sender.start()
        device.receipts_until(len(entries))
        sender.join(_LONGEST_S)
        return sum(cpu_s(one.process.pid) for one in collectors) - before_s


def _collector(layout: Layout, *words: str) -> Collecting:
    return Collecting(layout, (sys.executable, "-m", "province", "collect", str(layout.root), *words))


def measure() -> list[Measure]:
    """The figures."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        layout = founding.found(folder / "province", replace(settings(free_port()), suite=Suite.XWING), now_ms())
        gate, witness = scanner(layout, folder), scanner(layout, folder, "witness")
        log = Log.new(gate)
        warm_up, entries = ([log.append() for _ in range(count)] for count in (_WARM_UP, _ENTRIES))
        again, more = ([log.append() for _ in range(count)] for count in (_WARM_UP, _ENTRIES))
        stack.enter_context(Broker(layout))
        with _collector(layout) as alone:
            wait_for_keyring(witness)
            ours_s = _collected_s([alone], gate, warm_up, entries)
        two = []
        for number in ("1", "2"):
            (folder / "collector.log").unlink()  # what it says from now on, this one says
            two.append(stack.enter_context(_collector(layout, "--number", number)))
            two[-1].wait_until_logged("connected to the broker")
        two_s = _collected_s(two, gate, again, more)
        alone_s = _alone_s(layout, gate, entries)
    return [
        at_least("collector, entries per CPU-second", alone_s / ours_s, "x open + verify alone", 0.5),
        at_least("two collectors, entries per CPU-second", ours_s / two_s, "x one collector", 0.85),
        told("open + verify alone", alone_s / _ENTRIES * 1000, "ms an entry here"),
    ]
