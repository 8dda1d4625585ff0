"""The log says what happened, often enough and never too often, and nothing of what a code held, whoever logs it and however it ends."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeGuard

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.base import logs
from edge_agent.base.log_rate import LogRate
from edge_agent.base.redaction import without_numbers, without_secrets
from edge_agent.wire.topics import DeviceName
from firmware.person_codes import Person, Scheme
from firmware.reading import Reading
from province.demo.synthetic_codes import CodeForm, synthetic_codes

ROOT = Path(__file__).parents[2]
NUMBER, NAME = "001099012345", "Nguyễn Dấu Vết"
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
HELD = f"{NUMBER}|012345678|{NAME}|15031999|Nam||28052021"


class _LogCall(ast.Call):
    func: ast.Attribute


class Written:
    """A log of one's own, with its lines."""

    def __init__(self, form: str, rate: LogRate | None = None) -> None:
        self._stream = io.StringIO()
        self.handler = logs.Lines(self._stream, form, rate)
        self.log = logging.Logger("edge_agent.carry.uplink")  # noqa: LOG001 - one of its own, that no other test hears
        self.log.addHandler(self.handler)

    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()


@pytest.fixture(params=logs.FORMS)
def written(request: pytest.FixtureRequest) -> Iterator[Written]:
    made = Written(request.param)
    yield made
    made.handler.close()


def test_each_form_says_what_happened_how_bad_it_is_and_where() -> None:
    said = {}
    for form in logs.FORMS:
        made = Written(form)
        made.log.warning("connected to %s:%d", "mqtt.example.vn", 8883)
        [said[form]] = made.lines()
    assert said["journal"] == "<4>edge_agent.carry.uplink: connected to mqtt.example.vn:8883"
    assert said["terminal"].endswith(" WARNING edge_agent.carry.uplink: connected to mqtt.example.vn:8883")
    event = json.loads(said["json"])
    assert (event["level"], event["event"], event["values"]) == ("warning", "uplink.connected-to", ["mqtt.example.vn", 8883])
    assert event["text"] == "connected to mqtt.example.vn:8883"


def test_an_event_has_the_same_name_whatever_its_values_are() -> None:
    made = Written("json")
    for value in ("in", "out", ValueError(HELD)):
        made.log.warning("lane %s: %d", value if isinstance(value, str) else "in", 3)
        made.log.warning("%s", OSError(5, "Input/output error", str(value)))
        made.log.warning("%s: %s", value, value)
    events = [json.loads(line)["event"] for line in made.lines()]
    assert events == ["uplink.lane", "uplink.OSError", "uplink.said"] * 2 + ["uplink.lane", "uplink.OSError", "uplink.ValueError"]


def test_each_line_of_a_long_message_has_its_priority() -> None:
    made = Written("journal")
    made.log.error("%s", "gate.toml: one\ngate.toml: two\x1b[2J")
    assert made.lines() == ["<3>edge_agent.carry.uplink: gate.toml: one", "<3>gate.toml: two\\x1b[2J"]


def test_nothing_of_a_code_is_said_whatever_is_logged(written: Written) -> None:
    person = Person(Scheme.CCCD, NUMBER, NAME, "1999-03-15", "male")
    for value in (person, [HELD], {"name": NAME}, HELD.encode(), (NAME,), Reading("in", HELD.encode(), "serial", 0.0)):
        written.log.warning("met %s", value)
    written.log.warning(person)
    for kind in (ValueError, KeyError, UnicodeError, RuntimeError):
        try:
            raise kind(HELD)  # noqa: TRY301 - a library's, here
        except Exception as error:
            written.log.warning("failed: %s", error)
            written.log.exception("failed")
    written.log.warning("not a number: %d", HELD)
    written.log.warning("lane %s: number %s", "in", NUMBER)
    told = "\n".join(written.lines())
    assert NAME not in told
    assert "Dấu" not in told
    assert NUMBER not in told
    assert "ValueError (test_logs.py:" in told
    assert "<Reading>" in told
    assert "‹12 digits›" in told


class LibrarysError(OSError):
    """As image and document libraries have them: of the system by descent, with words of their own."""

    __module__ = "library"


def test_of_a_librarys_own_kind_of_system_error_only_the_place_is_told(written: Written) -> None:
    library: dict[str, object] = {"__name__": "library", "LibrarysError": LibrarysError}
    exec("def fails(kind, held): raise kind(held)", library)  # noqa: S102 - a module that is not ours
    for kind in (LibrarysError, OSError, TimeoutError):
        try:
            library["fails"](kind, HELD)  # type: ignore[operator]
        except OSError as error:
            written.log.warning("failed: %s", error)
    written.log.warning("failed: %s", LibrarysError(5, NAME))
    told = "\n".join(written.lines())
    assert "Dấu" not in told
    assert "15031999" not in told
    for words in ("LibrarysError (<string>:1)", " OSError (<string>:1)", "TimeoutError (<string>:1)"):
        assert words in told


def test_what_resolver_and_tls_say_is_told(written: Written) -> None:
    written.log.warning("%s", socket.gaierror(-2, "Name or service not known"))
    written.log.warning("%s", ssl.SSLCertVerificationError(1, "certificate has expired"))
    with closing(socket.socket(socket.AF_UNIX)) as ours, pytest.raises(FileNotFoundError) as raised:
        ours.connect("/nowhere.sock")
    written.log.warning("%s", raised.value)
    told = "\n".join(written.lines())
    for words in ("Name or service not known", "certificate has expired", "No such file or directory"):
        assert words in told


def test_what_is_useful_is_said_as_it_is(written: Written) -> None:
    written.log.warning("%s at %d, log %s, %d bytes", DeviceName("cho-lon", "cong-1"), 1637500000123, "0123456789abcdef" * 2, 1073741824)
    written.log.warning("%s", FileNotFoundError(2, "No such file or directory", "/var/lib/gate-scanner/salvaged-1637500000123"))
    told = "\n".join(written.lines())
    for words in ("cho-lon/cong-1", "1637500000123", "0123456789abcdef" * 2, "1073741824", "salvaged-1637500000123"):
        assert words in told


def test_of_another_library_only_the_place_is_told(written: Written) -> None:
    foreign = logging.Logger("paho.mqtt")  # noqa: LOG001 - the same
    foreign.addHandler(written.handler)
    foreign.warning("Received PUBLISH %s", HELD)
    foreign.warning(f"Received {HELD}")
    told = "\n".join(written.lines())
    assert "paho.mqtt" in told
    assert "test_logs.py:" in told
    assert "Received" not in told


@pytest.mark.parametrize("form", list(CodeForm))
def test_no_number_of_a_code_is_left_in_a_text(form: CodeForm) -> None:
    for code in synthetic_codes(form, 50):
        for text in (code.text, f"port {code.text}: what?", code.text.replace("|", " ")):
            left = without_numbers(text)
            for key in ("id_number", "old_id", "phone", "card_number", "qid"):
                number = str(code.meaning.get(key) or "")
                if sum(char.isdecimal() for char in number) >= 9 and "*" not in number:
                    assert number not in left


@given(st.from_regex(r"0[0-9]{11}", fullmatch=True), st.sampled_from(" .-"))
def test_no_part_of_a_number_is_left_however_it_is_typed(number: str, between: str) -> None:
    arabic = number.translate({ord(str(digit)): 0x660 + digit for digit in range(10)})
    wide = number.translate({ord(str(digit)): 0xFF10 + digit for digit in range(10)})
    for typed in (between.join(re.findall("...", number)), arabic, wide, " ".join(re.findall("...", wide))):
        assert without_numbers(f"of {typed}, then") == "of ‹12 digits›, then"


@given(st.integers(0, 10**8 - 1), st.integers(10**12, 2 * 10**12 - 1), st.binary(min_size=16, max_size=16))
def test_sequence_numbers_moments_and_logs_stay_in_a_text(seq: int, at_ms: int, log: bytes) -> None:
    text = f"entry {seq} at {at_ms} in {log.hex()}"
    assert without_numbers(text) == text or log.hex().isdecimal()


def test_the_name_of_a_wrong_setting_is_left() -> None:
    assert without_secrets("gate.toml: station.pin: not a setting") == "gate.toml: station.pin: not a setting"
    assert "4711" not in without_secrets("station.pin: 4711 not a setting")


def test_secrets_are_taken_out_of_what_others_wrote() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIB\n-----END PRIVATE KEY-----"
    text = f"a {pem} b pkcs11:token=gate?pin-value=4711 GATE1:T:ABCDEFGH2345 password: hunter2 {'ab' * 32} http://me:hunter2@host"
    left = without_secrets(text)
    for secret in ("MC4C", "4711", "ABCDEFGH2345", "hunter2", "abab"):
        assert secret not in left
    assert without_secrets("host=mqtt.example.vn user=gate up 3 days, kernel 6.1.0-13-arm64") == (
        "host=mqtt.example.vn user=gate up 3 days, kernel 6.1.0-13-arm64"
    )


# ── how often ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 40)), max_size=120), st.integers(1, 4), st.integers(1, 6))
def test_the_first_of_a_kind_gets_in_the_last_is_told_and_none_is_uncounted(
    said: list[tuple[str, float]], burst: int, variants: int
) -> None:
    rate, now_s = LogRate(burst, 60.0, variants), 0.0
    let_in, held = [], []
    for number, (words, gap_s) in enumerate(said):
        now_s += gap_s
        held += rate.over(now_s)
        if rate.admit("lane %s", f"{words}{number}", words, 30, now_s):
            let_in.append(f"{words}{number}")
        elif variants >= 8:
            assert any(line.startswith(words) for line in let_in)
    held += rate.over(float("inf"))
    assert len(let_in) + sum(one.times for one in held) == len(said)
    if said:
        last = f"{said[-1][0]}{len(said) - 1}"
        assert last in let_in or any(one.line == last for one in held)
    assert not rate.holds()


def test_a_flood_is_told_by_its_first_lines_how_many_and_the_last() -> None:
    made = Written("journal", LogRate(burst=2, window_s=60.0))
    for number in range(400):
        made.log.warning("refused a message, number %d", number)
    made.log.warning("something else")
    made.handler.close()
    assert [line[2:].partition(": ")[2] for line in made.lines()] == [
        "refused a message, number 0",
        "refused a message, number 1",
        "something else",
        "refused a message, number 399 (said 398 times more within 60 s; this is the last)",
    ]


def test_what_was_kept_out_is_told_when_its_minute_is_over_though_nothing_more_is_said() -> None:
    made = Written("json", LogRate(burst=1, window_s=0.01))
    for number in range(50):
        made.log.warning("lane in: %d", number)
    while (timer := made.handler._timer) is not None:
        timer.join()
    events = [json.loads(line) for line in made.lines()]
    assert events[-1]["text"] == "lane in: 49"
    made.handler.close()


# ── what Python itself would print ──────────────────────────────────────────────────────────────────────────────────────────────

ENDS = {
    "uncaught": "int(held)",
    "thread": "import threading; t = threading.Thread(target=lambda: int(held), name='reader'); t.start(); t.join()",
    "let go": "class Part:\n    def __del__(self): int(held)\nPart()",
    "warning": "import warnings; warnings.warn(held, RuntimeWarning)",
    "asyncio": "import asyncio\nasync def work(): int(held)\nasync def main(): t = asyncio.create_task(work()); await asyncio.wait([t])\n"
    "asyncio.run(main())",
    "chained": "try:\n    int(held)\nexcept ValueError as error:\n    raise RuntimeError(held) from error",
}


@pytest.mark.parametrize("end", ENDS)
def test_no_end_of_a_program_prints_what_was_at_hand(end: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"import sys\nfrom edge_agent.base import logs\nlogs.configure()\nheld = sys.stdin.read()\n{ENDS[end]}\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-X", "dev", str(program)], input=HELD, cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GATE_LOG": "journal"},
    )  # fmt: skip
    assert NUMBER not in done.stderr
    assert "Dấu" not in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("<"), "told all the same"
    assert done.returncode == (1 if end in {"uncaught", "chained"} else 0)
    assert "program.py:" in done.stderr or end == "asyncio"


def test_every_sentence_is_a_constant_of_the_program() -> None:
    """What was put together before it is logged passes the rules for values unseen."""
    files = [file for package in ("drivers", "edge_agent", "firmware", "province") for file in (ROOT / package).rglob("*.py")]
    calls = [(file, node) for file in files for node in ast.walk(ast.parse(file.read_text("utf-8"))) if _is_log_call(node)]
    assert len(calls) > 100
    wrong = [f"{file.name}:{call.lineno}" for file, call in calls if not _is_constant(call.args[call.func.attr == "log"])]
    assert wrong == []


def _is_log_call(node: ast.AST) -> TypeGuard[_LogCall]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_log(node.func.value) and node.func.attr in _LEVELS


def _is_log(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"log", "_log", "logging"}


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@pytest.mark.parametrize("word", ["z", "9z", "12345678z", "z:"])
def test_a_word_longer_than_any_line_of_a_journal_holds_nobody_up(word: str) -> None:
    text = word * 30_000
    assert without_secrets(f"{text} 001099012345") == f"{text} ‹12 digits›"
