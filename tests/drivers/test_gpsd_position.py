"""The position from a real gpsd, fed by gpsfake; and what its reports may hold."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import dictionaries, floats, integers, none, recursive, sampled_from, text
from receivers import GpsdServer, gga, gsa, rmc, tpv

from drivers.catalogue import open_position
from drivers.errors import Unavailable
from drivers.gpsd_position import GpsdPosition, report_of
from drivers.position import Fix, NoFix, PositionSource

pytestmark = pytest.mark.timeout(60)
VALUES = recursive(none() | integers() | floats() | text(max_size=8), lambda inner: dictionaries(text(max_size=3), inner, max_size=2))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as once:
        return int(once.getsockname()[1])


@pytest.fixture
def gpsd(tmp_path: Path) -> Iterator[str]:
    """A real gpsd that reads a drive of twenty seconds again and again."""
    if shutil.which("gpsfake") is None:
        pytest.skip("gpsfake is not installed (apt gpsd-clients)")
    log = tmp_path / "drive.nmea"
    log.write_text("".join(rmc(second) + gga(second) + gsa() for second in range(20)), encoding="ascii")
    port = free_port()
    command = ["gpsfake", "-q", "-n", "-c", "0.01", "-P", str(port), str(log)]
    fake = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield f"gpsd:127.0.0.1:{port}"
    os.killpg(fake.pid, signal.SIGTERM)
    try:
        fake.wait(5)
    except subprocess.TimeoutExpired:
        os.killpg(fake.pid, signal.SIGKILL)
        fake.wait(5)


def when_it_listens(url: str) -> PositionSource:
    until_s = time.monotonic() + 20
    while True:
        try:
            return open_position(url)
        except Unavailable:  # it is still starting
            if time.monotonic() > until_s:
                raise
            time.sleep(0.05)  # nothing tells when another program begins to listen


def test_a_real_gpsd_tells_where_the_vehicle_is(gpsd: str) -> None:
    source = when_it_listens(gpsd)
    fix = next(report for report in source.fixes() if isinstance(report, Fix))
    source.close()
    assert (fix.latitude, fix.longitude) == pytest.approx((22.485, 103.97), abs=0.001)
    assert isinstance(source, GpsdPosition)
    assert source.refused() == {}


def test_it_asks_for_reports() -> None:
    server = GpsdServer()
    source = GpsdPosition(server.url.removeprefix("gpsd:"))
    assert server.watched() == b'?WATCH={"enable":true,"json":true};\n'
    source.close()
    server.unplug()


def test_nobody_listening_is_unavailable_with_what_to_do() -> None:
    with pytest.raises(Unavailable, match=r"cannot be reached \(.*refused.*\)\. Start gpsd"):
        GpsdPosition(f"127.0.0.1:{free_port()}")


@pytest.mark.parametrize(
    "said, report",
    [
        ({"mode": 0}, NoFix(1.0)),
        ({"mode": 1, "lat": 22.0, "lon": 104.0}, NoFix(1.0)),  # an old place, said to be none
        ({"mode": 3}, NoFix(1.0)),
        ({}, NoFix(1.0)),
        ({"mode": 3, "lat": 0.0, "lon": 0.0}, NoFix(1.0)),
        ({"mode": 2, "lat": 22.0, "lon": 104.0}, Fix(1.0, 22.0, 104.0)),
        ({"mode": 3, "lat": 22, "lon": 104, "time": "2026-07-21T02:15:60.000Z"}, Fix(1.0, 22.0, 104.0)),  # a leap second
        ({"mode": 3, "lat": 22, "lon": 104, "eph": None, "speed": float("nan"), "time": 7}, Fix(1.0, 22.0, 104.0)),
    ],
)
def test_reports_by_example(said: dict[str, Any], report: Fix | NoFix) -> None:
    assert report_of({"class": "TPV", **said}, at_s=1.0) == report


@given(dictionaries(sampled_from(["speed", "eph", "epx", "epy", "track", "climb", "time", "alt", "status"]), VALUES))
def test_whatever_else_a_report_holds_its_place_is_taken(others: dict[str, Any]) -> None:
    assert report_of({"class": "TPV", "mode": 3, "lat": 22.0, "lon": 104.0, **others}, at_s=1.0) == Fix(1.0, 22.0, 104.0)


@given(dictionaries(sampled_from(["mode", "lat", "lon", "speed", "eph", "epx", "time", "class"]), VALUES))
def test_whatever_a_report_holds_it_is_a_place_on_earth_or_refused(said: dict[str, Any]) -> None:
    try:
        report = report_of(said, at_s=1.0)
    except (ValueError, TypeError, OverflowError):
        return
    assert isinstance(report, NoFix) or (abs(report.latitude) <= 90 and abs(report.longitude) <= 180)


def test_reports_of_other_classes_are_nothing_and_lists_are_malformed() -> None:
    server = GpsdServer()
    source = GpsdPosition(server.url.removeprefix("gpsd:"))
    server.send(b'{"class":"SKY","satellites":[]}\r\n[1,2]\r\n"TPV"\r\n{"class":"TPV","mode":[]}\r\n' + tpv(mode=1).encode())
    assert isinstance(next(source.fixes()), NoFix)
    assert source.refused() == {"malformed": 3}
    source.close()
    server.unplug()
