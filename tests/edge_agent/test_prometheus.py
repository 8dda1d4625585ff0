"""The endpoint for Prometheus: read by Prometheus's own parser, on loopback alone, off unless asked for."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_shell import enrolled, gate_agent, running
from health_world import COUNTERS, Device
from prometheus_client.parser import text_string_to_metric_families
from real_broker import Config, config, free_port
from sealed_examples import filled

from edge_agent.health.prometheus import Endpoint, exposition
from edge_agent.store.outbox import FILE_NAME


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scraped(port: int, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return str(answer.read().decode())


def of(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return f"gate_scanner_{name}", frozenset(labels.items())


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    device = Device(tmp_path)
    device.word.heard(COUNTERS | {"sources": COUNTERS["sources"] | {'a "lane"\\': "working"}})
    endpoint = Endpoint(0, device.health.look)
    endpoint.start()
    yield endpoint
    endpoint.stop()


def test_prometheus_reads_every_number(endpoint: Endpoint) -> None:
    found = samples(scraped(endpoint.port))
    assert found[of("answers", answer="accepted")] == 12
    assert found[of("sources_state", lane="out", **{"is": "fault"})] == 1
    assert found[of("sources_decode_p95_ms", lane="Làn vào")] == 31.5
    assert found[of("sources_state", lane='a "lane"\\', **{"is": "working"})] == 1
    assert found[of("outbox_waiting")] == 7
    assert found[of("gate", **{"is": "open"})] == 1
    assert found[of("link", counter="silences")] == 1


def test_nothing_else_is_answered(endpoint: Endpoint) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        scraped(endpoint.port, "/")


def test_the_agent_answers_where_it_is_told_to(tmp_path: Path) -> None:
    port = free_port()
    device: Config = enrolled(config(tmp_path, agent=f"prometheus_port = {port}"), 8883)
    filled(device.state / FILE_NAME, 3)
    with running(device) as agent:
        agent.until("carrying entries")
        while True:
            try:
                found = samples(scraped(port))
            except urllib.error.URLError:
                assert agent.process.poll() is None
                agent._reader.join(0.02)
                continue
            break
        assert found[of("outbox_waiting")] == 3
        assert found[of("gate", **{"is": "down"})] == 1
        assert gate_agent("status", "--config", device.file, "--json").returncode == 1


def test_by_default_nobody_listens(tmp_path: Path) -> None:
    assert Device(tmp_path).settings.agent.prometheus_port == 0
    assert exposition(Device(tmp_path / "other").health.look()).count("# TYPE gate_scanner_uptime_s gauge") == 1
