"""What the keeper's station page and firmware say to each other over the control socket: declarations on paper, and reader tests.

`{"type": "declare", "ref", "lane", "direction", "person": {…}}` is answered with `declared`, after the entry is on disk. Sent again with
the same `ref` within ten minutes it is answered the same, and not recorded again: whoever heard nothing sends it again.
`{"type": "reader-test", "lane", "seconds"}` is answered with `reader-test`, then with a `reader-tested` for each code shown at that lane,
and with a last `reader-test` when it ends: by itself, by `{"type": "reader-test-end"}`, or with the asker's connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

DECLARE, DECLARED = "declare", "declared"
READER_TEST, READER_TEST_END, READER_TESTED = "reader-test", "reader-test-end", "reader-tested"
TEST_MOST_S = 120


class Verdict(StrEnum):
    """What came of a declaration."""

    ACCEPTED = "accepted"  # the entry is on disk
    REPEAT = "repeat"  # the same person, the same direction, moments ago: recorded then
    REFUSED = "refused"


class WhyRefused(StrEnum):
    """Why somebody who was declared is not recorded."""

    FIELDS = "fields"  # `fields` says which, and what is the matter with each
    REF_USED = "ref-used"  # this `ref` was another declaration's, which was recorded
    BUSY = "busy"  # others are being recorded: the same again in a moment
    CLOSED = "closed"  # nobody comes in now, by command or by the hours
    PASSBACK = "passback"  # they came in and have not gone out
    OUTBOX_FULL = "outbox-full"
    NOT_RECORDED = "not-recorded"  # the outbox does not work now
    UNEXPECTED = "unexpected"


class ReaderTestState(StrEnum):
    """How a reader test is."""

    LISTENING = "listening"
    ENDED = "ended"
    REFUSED = "refused"


class Tested(StrEnum):
    """What a code is that was shown in a reader test."""

    PERSON_CODE = "person-code"
    TEST_CODE = "test-code"  # of `gate-firmware test-code`
    OTHER = "other"


def declared_message(ref: str, verdict: Verdict, why: WhyRefused | None = None, fields: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Firmware's answer to a declaration; `why` goes with a refusal, `fields` with wrong fields: by field, what is the matter."""
    message: dict[str, Any] = {"type": DECLARED, "ref": ref, "verdict": str(verdict)}
    if why is not None:
        message["why"] = str(why)
    if fields is not None:
        message["fields"] = dict(fields)
    return message


def reader_test_message(lane: str, state: ReaderTestState, **more: str | int) -> dict[str, Any]:
    """How a reader test is.

    `seconds` goes with listening; `why` with the end (`time`, `asked`) and with a refusal (`lane`, `seconds`: wrong; `busy`: one is on;
    `often`: tests have taken their share of the time).
    """
    return {"type": READER_TEST, "lane": lane, "state": str(state), **more}


def tested_message(lane: str, kind: Tested, scheme: str, took_ms: float) -> dict[str, Any]:
    """A code that was read in a reader test: nothing of what it says.

    Args:
        lane: its name.
        kind: what it is.
        scheme: which family of person codes, or of others; why, where it is none we know.
        took_ms: from the frame or the whole line to this answer.
    """
    return {"type": READER_TESTED, "lane": lane, "kind": str(kind), "scheme": scheme, "took_ms": round(took_ms, 1)}
