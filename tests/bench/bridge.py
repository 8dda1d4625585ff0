"""What a user would pick instead of gate-agent: a Mosquitto beside the gate that keeps messages and bridges them to the province.

Told for comparison, as it comes and made durable (`autosave_on_changes true`, `autosave_interval 1`): what a publish that was acknowledged
costs in time (against recording an entry in the same run) and in bytes of the card, and how many acknowledged messages a kill -9 loses.
Sources: mosquitto.conf(5), "persistence", "autosave_on_changes", "Configuring Bridges".
"""

from __future__ import annotations

import os
import queue
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import paho.mqtt.client as mqtt
from measures import Measure, told
from paho.mqtt.enums import CallbackAPIVersion
from province_world import free_port

from edge_agent.store.recorder import Recorder

_MESSAGES = 300
_BYTES = 1947
_WAIT_S = 30.0
_NUMBER_BYTES = 4
_PROGRAM = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_REMOTE = "listener {port} 127.0.0.1\nallow_anonymous true\n"
_LOCAL = """\
listener {port} 127.0.0.1
allow_anonymous true
user root
persistence true
persistence_location {folder}/
max_queued_messages 0
max_inflight_messages 0
connection province
address 127.0.0.1:{remote}
topic entries out 1
cleansession false
restart_timeout 1
"""
_DURABLE = "autosave_on_changes true\nautosave_interval 1\n"


def _listens(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


@contextmanager
def _broker(config: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    assert _PROGRAM, "mosquitto is not installed: apt-get install mosquitto"
    process = subprocess.Popen([_PROGRAM, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        while not _listens(port):
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"mosquitto ended with {process.wait(0.02)}")
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def _client(port: int, on_message: Callable[[bytes], None] | None = None) -> Iterator[mqtt.Client]:
    ready: queue.Queue[None] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "bench" + ("-in" if on_message else ""), clean_session=True)
    client.max_inflight_messages_set(1)
    if on_message is None:
        client.on_connect = lambda *_: ready.put(None)
    else:
        client.on_connect = lambda client, *_: client.subscribe("entries", 1)
        client.on_subscribe = lambda *_: ready.put(None)
        client.on_message = lambda _client, _data, message: on_message(bytes(message.payload))
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        ready.get(timeout=_WAIT_S)
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def _publish(client: mqtt.Client, number: int) -> None:
    client.publish("entries", number.to_bytes(_NUMBER_BYTES) + os.urandom(_BYTES - _NUMBER_BYTES), 1).wait_for_publish(_WAIT_S)


def _dirtied_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def _arrived(config: Path, local: int, remote_config: Path, remote: int) -> int:
    """How many different messages the province gets once everything runs again; a last one tells that no more come."""
    numbers: queue.Queue[int] = queue.Queue()

    def take(payload: bytes) -> None:
        numbers.put(int.from_bytes(payload[:_NUMBER_BYTES]))

    with _broker(remote_config, remote), _client(remote, take), _broker(config, local), _client(local) as sender:
        _publish(sender, _MESSAGES)
        return len(set(iter(lambda: numbers.get(timeout=_WAIT_S), _MESSAGES)))


def _offline(name: str, extra: str) -> list[Measure]:
    """The bridge's way of being offline, killed, and back."""
    with tempfile.TemporaryDirectory() as folder:
        local, remote = free_port(), free_port()
        config, remote_config = Path(folder) / "gate.conf", Path(folder) / "province.conf"
        config.write_text(_LOCAL.format(port=local, folder=folder, remote=remote) + extra, encoding="utf-8")
        remote_config.write_text(_REMOTE.format(port=remote), encoding="utf-8")
        times: list[float] = []
        record_times: list[float] = []
        with (
            _broker(config, local) as broker,
            _client(local) as client,
            closing(Recorder(Path(folder) / "outbox.sqlite", 10**9)) as recorder,
        ):
            before = _dirtied_bytes(broker.pid)
            for number in range(_MESSAGES):
                times.append(_taken_s(partial(_publish, client, number)))
                record_times.append(_taken_s(partial(_record, recorder)))
            written = _dirtied_bytes(broker.pid) - before
        arrived = _arrived(config, local, remote_config, remote)
    return [
        told(f"Mosquitto bridge, {name}: lost of {_MESSAGES} by kill -9", _MESSAGES - arrived, "messages"),
        told(f"Mosquitto bridge, {name}: to acknowledge", statistics.median(times) / statistics.median(record_times), "x our record"),
        told(f"Mosquitto bridge, {name}: pages made dirty, {_MESSAGES} waiting", written / _MESSAGES / _BYTES, "x message bytes"),
    ]


def _taken_s(work: Callable[[], None]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


def _record(recorder: Recorder) -> None:
    recorder.append(lambda _spot: os.urandom(_BYTES))


def measure() -> list[Measure]:
    """The figures."""
    return _offline("as it comes", "") + _offline("durable", _DURABLE)
