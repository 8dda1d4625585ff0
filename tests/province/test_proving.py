"""The certificate of a day: never "complete" when something of the day is missing, always when all has come and is confirmed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from old_province import arrive, days_ago, here, made_ago
from province_world import Log, Scanner, scanner
from test_logic import arrive as one_more
from test_logic import digest

from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.proof.proving import Flaw, KnownLog, judge
from province.records.alerts import Alert, AlertKind
from province.records.days import DayOfLog, SureDay
from province.records.ledger import Span
from province.store import database


def day(number: int) -> str:
    return f"2021-10-{number + 1:02}"


def sure(table: Sequence[DayOfLog]) -> tuple[SureDay, ...]:
    return tuple(SureDay(one.day, one.first, one.last) for one in sorted(table, key=lambda one: one.day))


def known(logs: Sequence[Sequence[int | None]], arrived: set[tuple[int, int]]) -> list[KnownLog]:
    """What the register knows of logs whose entries have these days (None: no clock), when so many have arrived."""
    found = []
    for place, days in enumerate(logs):
        spans: list[Span] = []
        of_day: dict[int, list[int]] = {}
        for seq, number in enumerate(days, start=1):
            if (place, seq) in arrived:
                spans = one_more(spans, seq)
                if number is not None:
                    of_day.setdefault(number, []).append(seq)
        before = (bytes([place - 1]), len(logs[place - 1])) if place and (place, 1) in arrived else None
        named = ((len(days), digest(len(days))),) if place + 1 < len(logs) and (place + 1, 1) in arrived else ()
        table = tuple(DayOfLog(day(number), min(seqs), max(seqs), len(seqs)) for number, seqs in sorted(of_day.items()))
        if spans or named:
            ordered = tuple(sorted(spans, key=lambda span: span.first))
            found.append(KnownLog(bytes([place]), ordered, table, sure(table), named, (), before))
    return found


DAYS = 5
histories = st.lists(st.integers(0, DAYS - 1), min_size=1, max_size=14).map(sorted).flatmap(
    lambda days: st.tuples(
        st.lists(st.sampled_from([*[False] * 4, True]), min_size=len(days), max_size=len(days)),
        st.sets(st.integers(1, max(1, len(days) - 1)), max_size=2),
    ).map(lambda drawn: cut([None if blind else one for one, blind in zip(days, drawn[0], strict=True)], days, sorted(drawn[1])))
)  # fmt: skip


def cut(shown: list[int | None], true: list[int], places: list[int]) -> tuple[list[list[int | None]], list[list[int]]]:
    """A history cut into logs: what the province can see of each entry's day, and the truth."""
    borders = [0, *(place for place in places if 0 < place < len(true)), len(true)]
    return [shown[a:b] for a, b in pairwise(borders)], [true[a:b] for a, b in pairwise(borders)]


@settings(max_examples=400, deadline=None)  # fewer once missed a day that ended in entries without a clock
@given(histories, st.data())
def test_a_day_is_never_called_complete_when_an_entry_of_it_is_missing(
    history: tuple[list[list[int | None]], list[list[int]]], data: st.DataObject
) -> None:
    shown, true = history
    all_entries = [(place, seq) for place, log in enumerate(true) for seq in range(1, len(log) + 1)]
    arrived = data.draw(st.sets(st.sampled_from(all_entries)))
    for number in range(DAYS):
        missing = [entry for entry in all_entries if true[entry[0]][entry[1] - 1] == number and entry not in arrived]
        if missing:
            assert not judge(known(shown, arrived), day(number)).whole, (number, missing)


@given(histories)
def test_a_day_is_complete_when_all_has_come_and_something_later_too(history: tuple[list[list[int | None]], list[list[int]]]) -> None:
    shown, true = history
    arrived = {(place, seq) for place, log in enumerate(true) for seq in range(1, len(log) + 1)}
    last = max((one for log in shown for one in log if one is not None), default=-1)
    for number in range(last):
        verdict = judge(known(shown, arrived), day(number))
        assert verdict.whole == verdict.begun, number
    if last >= 0 and shown[-1][-1] == last:
        verdict = judge(known(shown, arrived), day(last))
        assert {finding.flaw for log in verdict.logs for finding in log.findings} == {Flaw.OPEN_END}


@pytest.mark.parametrize("number, whole", [(0, False), (2, True), (4, False)])
def test_an_empty_day_is_complete_between_days_that_are_known_only(number: int, whole: bool) -> None:
    table = (DayOfLog(day(1), 1, 1, 1), DayOfLog(day(3), 2, 2, 1))
    verdict = judge([KnownLog(b"l", (Span(1, bytes(32), 2, digest(2)),), table, sure(table), (), ())], day(number))
    assert (verdict.whole, verdict.entries) == (whole, 0)


def test_each_flaw_is_named_where_it_is() -> None:
    spans = (Span(1, bytes(32), 3, digest(3)), Span(4, b"x" * 32, 6, digest(6)), Span(8, digest(7), 9, digest(9)))
    days = (DayOfLog(day(0), 1, 2, 2), DayOfLog(day(1), 3, 9, 6))
    alerts = tuple(
        Alert(kind, None, b"l", seq, b"", 0)  # type: ignore[arg-type]
        for kind, seq in ((AlertKind.FORK, 5), (AlertKind.UNANNOUNCED_LOG, 1))
    )
    log = KnownLog(b"l", spans, days, sure(days), ((11, b"h"),), alerts)
    [part] = judge([log], day(1)).logs
    assert [(one.flaw, one.first, one.last) for one in part.findings] == [
        (Flaw.BROKEN_LINK, 4, 4),
        (Flaw.FORK, 5, 5),
        (Flaw.GAP, 7, 7),
        (Flaw.CUT_TAIL, 10, 11),
    ]
    table = (DayOfLog(day(-1), 1, 1, 1),)
    deleted = KnownLog(b"k", (Span(1, bytes(32), 1, digest(1)),), table, sure(table), (), ())
    found = {part.log: [one.flaw for one in part.findings] for part in judge([log, deleted], day(0)).logs}
    assert found == {b"k": [Flaw.OPEN_END], b"l": [Flaw.UNANNOUNCED]}
    assert judge([log], day(0)).whole, "its first log, which came after others"
    [cloned] = judge([replace(log, named=())], day(1)).logs
    assert cloned.findings[-1].flaw is Flaw.OPEN_END


# ── on a real register ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def layout(old_layout: Layout) -> Layout:
    return old_layout


@pytest.fixture
def device(layout: Layout, tmp_path: Path) -> Scanner:
    return scanner(layout, tmp_path)


def proved(layout: Layout, days: int, code: int) -> dict[str, object]:
    ran = here("prove", layout.root, "bus-co/scanner-1", days_ago(days), "--json")
    assert ran.returncode == code, (ran.stdout, ran.stderr)
    told: dict[str, object] = json.loads(ran.stdout)
    return told


def flaws(told: dict[str, object]) -> list[tuple[str, int, int]]:
    return [(one["flaw"], one["first"], one["last"]) for log in told["logs"] for one in log["findings"]]  # type: ignore[attr-defined]


def test_complete_gap_fork_tail_and_nothing(layout: Layout, device: Scanner) -> None:
    log = Log.new(device)
    made = [made_ago(layout, log, days) for days in (5, 5, 4, 4, 2)]
    clone = log.copy()
    arrive(layout, device, [*made[:2], made[4]])
    assert proved(layout, 5, 1)["complete"] is False
    assert flaws(proved(layout, 4, 1)) == [("gap", 3, 4)]
    arrive(layout, device, made[2:4])
    assert [proved(layout, days, 0)["entries"] for days in (5, 4, 3)] == [2, 2, 0]
    assert flaws(proved(layout, 2, 1)) == [("open-end", 5, 5)]
    arrive(layout, device, [made_ago(layout, log, 1), made_ago(layout, clone, 1)])
    assert proved(layout, 4, 0)["entries"] == 2
    assert flaws(proved(layout, 2, 1)) == [("fork", 6, 6)], "the other branch may begin on that day"
    assert ("fork", 6, 6) in flaws(proved(layout, 1, 1))
    successor = Log.new(device)
    reaches = replace(log.head, seq=9)
    arrive(layout, device, [made_ago(layout, successor, 0, change=lambda header: replace(header, predecessor=reaches))])
    assert ("cut-tail", 7, 9) in flaws(proved(layout, 1, 1))


def test_it_is_proved_still_when_the_entries_are_destroyed(layout: Layout, device: Scanner) -> None:
    log = Log.new(device)
    arrive(layout, device, [made_ago(layout, log, days) for days in (25, 25, 24, 0)])
    before = proved(layout, 25, 0)
    assert here("retention", "run", layout.root).returncode == 0
    assert proved(layout, 25, 0) == before
    assert proved(layout, 24, 0)["entries"] == 1
    page = here("prove", layout.root, "bus-co/scanner-1", days_ago(25)).stdout
    assert "COMPLETE: nothing is missing" in page
    assert "keys are destroyed" in page
    assert len(page.splitlines()) < 60, "one page"


def test_an_entry_without_a_day_among_them_is_said(layout: Layout, device: Scanner) -> None:
    log = Log.new(device)
    blind = log.append(key=device.keyring.key_for(None), change=lambda header: replace(header, clock="unknown", wall_ms=5))  # type: ignore[arg-type]
    arrive(layout, device, [made_ago(layout, log, 3)], 0)
    arrive(layout, device, [blind, made_ago(layout, log, 2), made_ago(layout, log, 1)])
    told = here("prove", layout.root, "bus-co/scanner-1", days_ago(3))
    assert told.returncode == 0
    assert "1 entries whose day is not known" in told.stdout


def test_the_page_is_signed_and_every_change_shows(layout: Layout, device: Scanner, tmp_path: Path) -> None:
    log, file = Log.new(device), tmp_path / "page.txt"
    arrive(layout, device, [made_ago(layout, log, 2), made_ago(layout, log, 1)])
    assert here("prove", layout.root, "bus-co/scanner-1", days_ago(2), "--out", file).returncode == 0
    genuine = here("prove", layout.root, "--check", file)
    assert (genuine.returncode, genuine.stdout.endswith("GENUINE: signed by this province, unchanged since.\n")) == (0, True)
    content = file.read_text()
    for old, new in (
        ("COMPLETE", "COMPLETe"),
        ("scanner-1", "scanner-2"),
        ("-----BEGIN", "extra\n-----BEGIN"),
        ("SIGNATURE-----\n0o", "SIGNATURE-----\n0p"),
    ):
        assert old in content
        file.write_text(content.replace(old, new, 1))
        ran = here("prove", layout.root, "--check", file)
        assert (ran.returncode, "NOT GENUINE" in ran.stderr, ran.stdout) == (1, True, "")
    file.write_bytes(b"\xff")
    assert here("prove", layout.root, "--check", file).returncode == 2


@pytest.mark.parametrize(
    "words", [("bus-co/scanner-1",), ("bus-co/scanner-9", "2021-10-05"), ("x", "2021-10-05"), ("bus-co/scanner-1", "05/10/2021")]
)
def test_a_wrong_command_line_is_said(layout: Layout, device: Scanner, words: tuple[str, ...]) -> None:
    assert device.name.device == "scanner-1"
    ran = here("prove", layout.root, *words)
    assert (ran.returncode, ran.stdout) == (2, "")


def test_days_are_counted_by_the_register_as_they_come(layout: Layout, device: Scanner) -> None:
    log = Log.new(device)
    arrive(layout, device, [made_ago(layout, log, days) for days in (3, 3, 2)])
    with closing(database.connect(layout.register)) as connection:
        found = connection.execute("SELECT * FROM day ORDER BY day")
        rows = [(row["day"], row["first_seq"], row["last_seq"], row["entries"]) for row in found]
    assert rows == [(days_ago(3).isoformat(), 1, 2, 2), (days_ago(2).isoformat(), 3, 3, 1)]
    assert Keystore(layout.keystore).destroyed() == []
