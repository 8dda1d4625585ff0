"""The parts of the station page by themselves: PIN, guessing, sessions, what firmware says."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from station_world import COUNTERS, WAIT_S, until

from edge_agent.device import station_words
from edge_agent.device.control import SOCKET_NAME
from edge_agent.device.resetting import STATION_FOLDER
from edge_agent.device.station_words import Verdict
from edge_agent.serving.changes import Changes
from edge_agent.station import paper, pin, words
from edge_agent.station.asking import Answer, declare
from edge_agent.station.guesses import ALL_AT_ONCE, ALL_REFILL_S, FREE, LONGEST_WAIT_S, Guesses
from edge_agent.station.live import SHOWN, Listener, Live, passed
from edge_agent.station.sessions import AGE_S, IDLE_S, Sessions
from edge_agent.station.sessions import MOST as MOST_PHONES
from edge_agent.station.words import LANGUAGES, WORDS
from firmware.control_server import ControlServer
from firmware.person_codes import citizen_id

QUARTER_HOUR_S = 900.0  # the page's words promise it
SAID = ("masked", "at_ms", "green_ms", "direction", "lane", "method", "verdict", "presence", "seq")
PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=200)
ANYTHING = PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(st.sampled_from(["name", "number", "inside"]), PLAIN)


def test_a_pin_fits_itself_alone_and_its_digits_are_on_no_disk(tmp_path: Path) -> None:
    first, second = pin.make(tmp_path), pin.make(tmp_path)
    stored = pin.read(tmp_path)
    assert stored is not None
    assert [stored.fits(typed) for typed in (second, pin.shown(second), first, "", "0" * 100)] == [True, True, False, False, False]
    assert len(second) == pin.DIGITS >= 6
    assert second not in repr(stored)
    assert all(second.encode() not in file.read_bytes() for file in (tmp_path / STATION_FOLDER).iterdir())


def test_a_damaged_pin_lets_nobody_in_until_a_new_one_is_made(tmp_path: Path) -> None:
    assert pin.read(tmp_path) is None
    pin.make(tmp_path)
    for file in (tmp_path / STATION_FOLDER).iterdir():
        file.write_bytes(b"torn")
    assert pin.read(tmp_path) is None
    digits = pin.make(tmp_path)
    stored = pin.read(tmp_path)
    assert stored is not None
    assert stored.fits(digits)


def test_an_old_pin_does_not_come_back_when_the_file_in_force_is_damaged(tmp_path: Path) -> None:
    old, new = pin.make(tmp_path), pin.make(tmp_path)
    for torn in (b"torn", None):  # half written by a dying card; gone
        file = tmp_path / STATION_FOLDER / pin.FILE_NAME
        file.unlink() if torn is None else file.write_bytes(torn)
        stored = pin.read(tmp_path)
        assert stored is not None
        assert [stored.fits(digits) for digits in (old, new)] == [False, True]
    (tmp_path / STATION_FOLDER / pin.FILE_NAME).write_bytes(b"torn")
    newest = pin.make(tmp_path)  # over a damaged file too
    (tmp_path / STATION_FOLDER / pin.FILE_NAME).write_bytes(b"torn")
    stored = pin.read(tmp_path)
    assert stored is not None
    assert [stored.fits(digits) for digits in (new, newest)] == [False, True]


def test_one_address_waits_twice_as_long_each_time_and_others_do_not() -> None:
    guesses, now_s, waits = Guesses(), 0.0, []
    for _ in range(FREE + 9):
        guesses.missed("192.168.1.9", now_s)
        waits.append(guesses.wait_s("192.168.1.9", now_s))
        assert guesses.wait_s("192.168.1.8", now_s) == 0.0
        now_s += waits[-1] + ALL_REFILL_S
    assert waits == [0.0] * FREE + [30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, LONGEST_WAIT_S, LONGEST_WAIT_S]
    guesses.hit("192.168.1.9")
    assert guesses.wait_s("192.168.1.9", now_s) == 0.0


@pytest.mark.parametrize("gap_s", [0.1, 7.0, 200.0])
def test_however_many_addresses_guess_the_number_of_guesses_in_a_time_is_bounded(gap_s: float) -> None:
    guesses, looked_at = Guesses(), 0
    for number in range(2000):
        address, now_s = f"10.0.{number // 250}.{number % 250}", number * gap_s
        if guesses.wait_s(address, now_s) == 0.0:
            guesses.missed(address, now_s)
            looked_at += 1
    room = ALL_AT_ONCE + 2000 * gap_s / ALL_REFILL_S
    assert room - 2 <= looked_at <= room if room < 2000 else looked_at == 2000
    assert len(guesses._of) <= 256


def test_others_who_guess_do_not_shut_out_the_address_where_the_pin_was_entered() -> None:
    guesses = Guesses()
    guesses.missed("192.168.1.7", 0.0)
    guesses.hit("192.168.1.7")
    for number in range(10 * ALL_AT_ONCE):
        guesses.missed(f"10.0.1.{number % 250}", 1.0)
    assert guesses.wait_s("192.168.1.8", 1.0) == ALL_REFILL_S
    assert guesses.wait_s("192.168.1.7", 1.0) == 0.0
    for _ in range(FREE + 1):
        guesses.missed("192.168.1.7", 2.0)
    assert guesses.wait_s("192.168.1.7", 2.0) == 30.0


def test_a_phone_is_in_while_it_is_used_and_never_longer_than_half_a_day() -> None:
    sessions = Sessions()
    cookie, now_s = sessions.begin(b"pin", 0.0), 0.0
    while now_s + IDLE_S <= AGE_S:
        now_s += IDLE_S
        assert sessions.find(cookie, b"pin", now_s) is not None
    assert sessions.find(cookie, b"pin", AGE_S + 1) is None
    idle = sessions.begin(b"pin", 0.0)
    assert sessions.find(idle, b"pin", IDLE_S + 1) is None
    other = sessions.begin(b"pin", 0.0)
    assert sessions.find(other, b"new", 1.0) is None
    kept = [sessions.begin(b"pin", 0.0) for _ in range(MOST_PHONES + 1)]
    assert [sessions.find(each, b"pin", 1.0) is not None for each in kept] == [False] + [True] * MOST_PHONES
    assert all(cookie.encode() not in key for cookie in kept for key in sessions._of)


@given(st.dictionaries(st.sampled_from(SAID), ANYTHING))
def test_whatever_firmware_of_another_release_says_is_shown_as_short_text(message: dict[str, Any]) -> None:
    live = Live(clock=lambda: 5.0)
    live.heard({**COUNTERS})
    live.heard({**message, "type": "passage"})
    shown = live.passages()[0]
    assert all(len(text) <= 120 for text in (shown.name, shown.number, shown.way, shown.lane, shown.method))
    assert shown.at_s >= 0
    assert passed(message, 5.0) == shown


def test_passages_are_few_and_gone_after_a_while() -> None:
    now = [0.0]
    live = Live(clock=lambda: now[0])
    for number in range(SHOWN + 5):
        live.heard({"type": "passage", "lane": str(number)})
    assert [each.lane for each in live.passages()] == [str(number) for number in range(SHOWN + 4, 4, -1)]
    live.heard({**COUNTERS})
    assert live.counters() is not None
    now[0] = QUARTER_HOUR_S - 1
    assert len(live.passages()) == SHOWN <= 15
    now[0] = QUARTER_HOUR_S + 1
    assert live.passages() == ()
    assert live.counters() is None  # silent for long: whatever was said is old


@pytest.mark.parametrize("each_second", [lambda live: live.heard({**COUNTERS}), lambda live: live.gone()], ids=["firmware", "no firmware"])
def test_passages_are_gone_also_where_nobody_looks(each_second: Callable[[Live], None]) -> None:
    now = [0.0]
    live = Live(clock=lambda: now[0])
    live.heard({"type": "passage", "lane": "in"})
    now[0] = QUARTER_HOUR_S + 1
    each_second(live)
    assert len(live._passages) == 0


def test_the_listener_comes_back_when_firmware_does(tmp_path: Path) -> None:
    live = Live()
    listener = Listener(tmp_path, live)
    listener.start()
    try:
        for _ in range(2):
            server = ControlServer(tmp_path, lambda *_request: None)
            server.start()
            until(lambda server=server: [server.tell(COUNTERS), live.counters()][1] is not None)  # type: ignore[misc]
            server.stop()
            until(lambda: live.counters() is None)
    finally:
        listener.stop()
    assert not listener._thread.is_alive()


def test_a_change_that_comes_while_nobody_waits_is_not_missed() -> None:
    async def waited() -> float:
        changes, loop = Changes(), asyncio.get_running_loop()
        number = changes.number
        changes.tell()
        await asyncio.sleep(0)  # it is told
        began_s = loop.time()
        await changes.after(number, WAIT_S)
        return loop.time() - began_s

    assert asyncio.run(waited()) < WAIT_S / 2


def test_a_declaration_that_nobody_answers_is_neither_accepted_nor_refused(tmp_path: Path) -> None:
    request = paper.request_of("0123456789", {"way": "0", "name": "A"}, [])
    assert declare(tmp_path, request) == Answer(Verdict.REFUSED, "not-sent")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dying:  # it hears, and dies before it can answer
        dying.bind(str(tmp_path / SOCKET_NAME))
        dying.listen()
        with ThreadPoolExecutor(1) as asked:
            answer = asked.submit(declare, tmp_path, request)
            with dying.accept()[0] as connection:
                assert b"declare" in connection.recv(1000)
            assert answer.result(WAIT_S).verdict is None
    (tmp_path / SOCKET_NAME).unlink()
    server = ControlServer(tmp_path, lambda asked, *_: {"type": "declared", "ref": asked["ref"], "verdict": "of-a-later-release"})
    server.start()
    assert declare(tmp_path, request).verdict is None
    server.stop()


@given(st.text(max_size=30) | st.dates().map(lambda day: day.strftime("%d/%m/%Y")))
def test_any_text_is_a_date_or_stays_for_firmware_to_refuse(text: str) -> None:
    read = paper.iso_date(text)
    assert read == text.strip() or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", read)
    assert paper.request_of("r", {"way": text, "name": "", "birth_date": text}, [])["lane"] == ""


def test_every_word_takes_the_same_values_in_both_languages() -> None:
    for key in WORDS["vi"]._of:
        places = [set(re.findall(r"{(\w+)}", WORDS[language].raw(key))) for language in LANGUAGES]
        assert places[0] == places[1], key


def test_there_is_a_word_for_all_that_firmware_may_answer() -> None:
    told = [f"refused.{why}" for why in station_words.WhyRefused] + [f"kind.{kind}" for kind in station_words.Tested]
    told += [f"warning.{code}" for code in citizen_id.disagreements("999099012345", "1958-01-01", "female")]
    assert len(told) > 10
    assert [key for key in told if not WORDS["vi"].has(key)] == []


def test_no_word_is_dead() -> None:
    made = re.compile(
        r"(page|gate|way|method|source|clock|outbox|why|kind|scheme|error|refused|problem|warning)\.[\w-]+"
    )  # of what firmware says
    folder = Path(words.__file__).parent
    texts = "".join(
        file.read_text("utf-8")
        for file in (*folder.glob("*.py"), *folder.glob("pages/*"), *folder.glob("../serving/pages/*"))
        if file.name != "words.py"
    )
    fields = {f"paper.{name}" for name in paper.FIELDS} | {f"paper.{verdict}" for verdict in station_words.Verdict}
    unsaid = [key for key in WORDS["vi"]._of if not re.search(f"[\"']{re.escape(key)}[\"']", texts) and key not in fields]
    assert [key for key in unsaid if made.fullmatch(key) is None] == []


def test_the_agent_without_a_page_loads_nothing_of_it() -> None:
    code = "import sys, edge_agent.__main__, edge_agent.shell.run_command\nprint([m for m in sys.modules if m.split('.')[0] in "
    code += "{'starlette', 'uvicorn', 'jinja2', 'zeroconf', 'asyncio'} or 'station.' in m or 'serving.' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['edge_agent.station.beginning']\n"  # which would load the rest


def test_checking_pins_on_a_thread_leaves_no_memory_behind() -> None:
    code = """if True:
        import re, threading
        from pathlib import Path
        from edge_agent.station import pin
        def resident_kb():
            return int(re.search(r"VmRSS:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1])
        def check():
            for _ in range(4):
                pin.StoredPin(b"salt", b"hash").fits("12345678")
        pin.give_memory_back()
        before_kb = resident_kb()
        thread = threading.Thread(target=check)
        thread.start()
        thread.join()
        print(resident_kb() - before_kb)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 8_000  # one check takes 16 MB
