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


def test_a_wrong_check_sum_is_counted_and_the_sentence_not_believed(port: PtyPort) -> None:
    taken, refused = reports(port, rmc(1).replace("019.4", "919.4"), rmc(2).partition("*")[0] + "\r\n", rmc(3))
    assert len(taken) == 1
    assert isinstance(taken[0], Fix)
    assert taken[0].latitude == pytest.approx(22 + 29.103 / 60)
    assert refused == {"checksum": 2}


def test_a_place_that_the_receiver_does_not_vouch_for_is_no_fix(port: PtyPort) -> None:
    taken, refused = reports(port, sentence(rmc(1)[1:-5].replace(",A,2229", ",V,2229")), sentence(rmc(1)[1:-5]), count=2)
    assert [type(report) for report in taken] == [NoFix, Fix]
    assert refused == {}


def test_sentences_of_a_makers_own_are_nothing(port: PtyPort) -> None:
    _, refused = reports(port, sentence("PMTK010,002"), sentence("PUBX,00,081350.00"), sentence("GPXYZ,1"), rmc(1))
    assert refused == {}


@pytest.mark.parametrize("longitude", ["abc", "1e999", ".", "10358.2.2"])
def test_a_place_that_is_no_number_refuses_its_sentence(port: PtyPort, longitude: str) -> None:
    taken, refused = reports(port, sentence(f"GPRMC,021501.00,A,2229.1,N,{longitude},E,019.4,090.0,210726,,,A"), rmc(2))
    assert [report.latitude for report in taken if isinstance(report, Fix)] == [pytest.approx(22 + 29.102 / 60)]
    assert refused == {"malformed": 1}


@pytest.mark.parametrize("others", ["fast,090.0,210726", "nan,090.0,210726", "019.4,north,319926", ",,"])
@pytest.mark.parametrize("clock", ["021501.00", "996199.00", "noon"])
def test_fields_that_nobody_uses_cost_no_place(port: PtyPort, clock: str, others: str) -> None:
    taken, refused = reports(port, sentence(f"GPRMC,{clock},A,2229.1,N,10358.2,E,{others},,,A"))
    assert isinstance(taken[0], Fix)
    assert (taken[0].latitude, taken[0].longitude) == pytest.approx((22 + 29.1 / 60, 103 + 58.2 / 60))
    assert refused == {}


@given(line=LINES, place=integers(0, 60), other=text(max_size=3), junk=binary(max_size=8), more=lists(LINES, max_size=3))
def test_no_sentence_whatever_raises(line: str, place: int, other: str, junk: bytes, more: list[str]) -> None:
    body = line[1:-5]
    source = object.__new__(NmeaPosition)
    source._pynmea2, source._refused = pynmea2, Counter()
    for said in (sentence(body[:place] + other + body[place + 1 :]).strip().encode(), junk, *(each.strip().encode() for each in more)):
        report = source._understood(said)
        assert report is None or isinstance(report, NoFix) or abs(report.latitude) <= 90
