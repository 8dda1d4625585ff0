"""The sample bridge at work: an organisation's own Mosquitto carries its scanners' health over from the province's."""

from __future__ import annotations

import queue
import subprocess
import threading
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
from conftest import World
from fleet_world import speaking, tell, watching, well
from paho.mqtt.enums import CallbackAPIVersion
from province_world import WAIT_S, free_port
from test_operators_samples import OPERATORS

from edge_agent.wire import telemetry
from province.base.clock import now_ms
from province.trust import viewers
from province.watch import fleet_discovery


def own_broker(world: World, folder: Path, port: int, stack: ExitStack) -> None:
    """Starts a Mosquitto with the sample, its three settings set, and waits until it is connected to the province's."""
    viewers.add(world.layout, "bus-co", folder / "gate", timedelta(days=1), now_ms())
    sample = (OPERATORS / "mosquitto-bridge.conf").read_text("utf-8")
    sample = sample.replace("/etc/mosquitto/gate", str(folder / "gate"))
    sample = sample.replace("mqtt.example.vn:8883", f"127.0.0.1:{world.layout.read_settings().port}")
    config = folder / "mosquitto.conf"
    config.write_text(f"user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nlog_dest stderr\nlog_type all\n{sample}", "utf-8")
    process = subprocess.Popen(["mosquitto", "-c", str(config)], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in process.stderr or ():
            lines.put(line)

    reader = threading.Thread(target=read)
    reader.start()
    stack.callback(process.stderr.close)
    stack.callback(reader.join)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    while "Received SUBACK" not in lines.get(timeout=WAIT_S):
        pass


def test_any_number_of_tools_read_there(world: World, tmp_path: Path) -> None:
    device, other = world.new_scanner("bus-co"), world.new_scanner("market-co")
    port = free_port()
    seen: queue.SimpleQueue[mqtt.MQTTMessage] = queue.SimpleQueue()
    with ExitStack() as stack:
        own_broker(world, tmp_path, port, stack)
        tool = mqtt.Client(CallbackAPIVersion.VERSION2)
        tool.on_message = lambda _client, _data, message: seen.put(message)
        subscribed = threading.Event()
        tool.on_subscribe = lambda *_args: subscribed.set()
        tool.connect("127.0.0.1", port)
        tool.subscribe("gate/v1/#")
        tool.loop_start()
        stack.callback(tool.loop_stop)
        stack.callback(tool.disconnect)
        assert subscribed.wait(WAIT_S)
        with watching(world.layout), speaking(other) as theirs, speaking(device) as ours:
            tell(theirs, other, well(at_ms=now_ms()))
            tell(ours, device, well(at_ms=now_ms()))
            wanted = {fleet_discovery.topic(device.name), *(f"gate/v1/{device.name}/{leaf}" for leaf in ("status", "telemetry"))}
            got: dict[str, bytes] = {}
            while not wanted <= set(got):
                message = seen.get(timeout=WAIT_S)
                got[message.topic] = bytes(message.payload)
    assert telemetry.decode(got[f"gate/v1/{device.name}/telemetry"]).gate == "open"
    assert not any("market-co" in topic for topic in got)
