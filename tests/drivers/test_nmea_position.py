from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

import pynmea2
import pytest
from hypothesis import given
from hypothesis.strategies import binary, integers, lists, sampled_from, text
from pty_port import PtyPort
from receivers import gga, gsa, rmc, sentence

from drivers.nmea_position import NmeaPosition
from drivers.position import Fix, NoFix

pytestmark = pytest.mark.timeout(30)
LINES = sampled_from([rmc(1), gga(1), gsa(), rmc(1, valid=False)])


@pytest.fixture
def port() -> Iterator[PtyPort]:
    port = PtyPort()
    yield port
    port.unplug()


def reports(port: PtyPort, *sentences: str, count: int = 1) -> tuple[list[Fix | NoFix], dict[str, int]]:
    source = NmeaPosition(port.path)
    port.send("".join(sentences).encode())
    taken = list(islice(source.fixes(), count))
    source.close()
    return taken, dict(source.refused())


def test_the_accuracy_comes_from_the_newest_dilution_of_precision(port: PtyPort) -> None:
    taken, refused = reports(port, rmc(1), gga(2), gsa(), rmc(2), count=2)
    assert [report.accuracy_m for report in taken if isinstance(report, Fix)] == [None, 4.5]
    assert refused == {}


def test_a_wrong_check_sum_is_counted_and_the_sentence_not_believed(port: PtyPort) -> None:
    taken, refused = reports(port, rmc(1).replace("019.4", "919.4"), rmc(2).partition("*")[0] + "\r\n", rmc(3))
    assert len(taken) == 1
    assert isinstance(taken[0], Fix)
    assert taken[0].speed_m_s == pytest.approx(9.98, abs=0.01)
    assert refused == {"checksum": 2}


def test_sentences_of_a_makers_own_are_nothing(port: PtyPort) -> None:
    _, refused = reports(port, sentence("PMTK010,002"), sentence("PUBX,00,081350.00"), sentence("GPXYZ,1"), rmc(1))
    assert refused == {}


@pytest.mark.parametrize(
    "body",
    [
        "GPRMC,021501.00,A,2229.1,N,abc,E,019.4,090.0,210726,,,A",
        "GPRMC,021501.00,A,2229.1,N,10358.2,E,fast,090.0,210726,,,A",
        "GPRMC,021501.00,A,2229.1,N,10358.2,E,nan,090.0,210726,,,A",
        "GPRMC,996199.00,A,2229.1,N,10358.2,E,019.4,090.0,319926,,,A",
    ],
)
def test_a_field_that_is_no_number_refuses_its_sentence(port: PtyPort, body: str) -> None:
    taken, refused = reports(port, sentence(body), rmc(2))
    if taken and isinstance(taken[0], Fix) and taken[0].utc_ms is None:
        return  # no time is said where the time is none
    assert refused == {"malformed": 1}


@given(line=LINES, place=integers(0, 60), other=text(max_size=3), junk=binary(max_size=8), more=lists(LINES, max_size=3))
def test_no_sentence_whatever_raises(line: str, place: int, other: str, junk: bytes, more: list[str]) -> None:
    body = line[1:-5]
    source = object.__new__(NmeaPosition)
    source._pynmea2, source._refused, source._dilution = pynmea2, Counter(), None
    for said in (sentence(body[:place] + other + body[place + 1 :]).strip().encode(), junk, *(each.strip().encode() for each in more)):
        report = source._understood(said)
        assert report is None or isinstance(report, NoFix) or abs(report.latitude) <= 90
