"""Draws a board: its parts, each an element with an id, so that a browser replaces only what has changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from markupsafe import Markup

from edge_agent.wire.entry import Direction
from edge_agent.wire.keyring import VIETNAM, day_of
from province.boards import hours
from province.boards.answer import Tone, tone_of, word_of
from province.boards.board import Board
from province.boards.passages import Shown, Sight, Untold
from province.fleet.sight import State
from province.registry import categories
from province.web.frame import Frame
from province.web.live import Drawn
from province.web.section import Visit

TEMPLATE = "boards/parts.html"
SHAPES = {State.ALARM: "◆", State.OFFLINE: "✕", State.TROUBLE: "▲", State.SHUT: "■", State.WELL: "●"}
TONES = {Tone.GOOD: "●", Tone.LOOK: "▲", Tone.NONE: "–"}
Say = Callable[..., str]
_MOVED_MS = 60_000  # less than a minute's correction is nobody's business


def local(at_ms: int) -> datetime:
    """A time as it is in Vietnam."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(VIETNAM)


def when(at_ms: int, now_ms: int) -> str:
    """A time as people read it: of today the hours alone."""
    here = local(at_ms)
    return f"{here:%H:%M}" if here.date() == day_of(now_ms) else f"{here:%d/%m %H:%M}"


def doubts(board: Board, say: Say) -> list[str]:
    """Why the number inside may be off."""
    counted = (
        ("doubt.unseen", board.counts.went_unseen), ("doubt.undated", len(board.doubted)),
        ("doubt.blind", board.counts.blind), ("doubt.unnamed", board.counts.unnamed),
        ("doubt.gates", board.away if board.live else 0),
    )  # fmt: skip
    return [say(word, count=count) for word, count in counted if count]


def time_of(shown: Shown, now_ms: int, say: Say) -> tuple[str, str]:
    """When a passage was, and what is doubtful about that; the latter empty when nothing is."""
    at, claimed_ms = shown.at, shown.claimed_ms
    if at.at_ms is not None:
        moved = abs(at.at_ms - claimed_ms) >= _MOVED_MS
        return f"{local(at.at_ms):%H:%M:%S}", say("time.corrected", time=_dated(claimed_ms)) if moved else ""
    first, last = at.not_before_ms, at.not_after_ms
    if first is not None and last is not None:
        known = say("time.between", first=when(first, now_ms), last=when(last, now_ms))
    else:
        known = "" if last is None else say("time.before", last=when(last, now_ms))
    likely = (first is None or first <= claimed_ms) and (last is None or claimed_ms <= last)
    claim = say("time.ahead" if shown.dated_ahead else "time.claimed", time=_dated(claimed_ms))
    if likely:
        return f"≈ {local(claimed_ms):%H:%M}", f"{say('time.blind')}: {known}"
    return "?", "; ".join(part for part in (known, claim) if part)


def _dated(at_ms: int) -> str:
    return f"{local(at_ms):%d/%m/%Y %H:%M}"


def draw(frame: Frame, visit: Visit, board: Board, now_ms: int) -> Drawn:
    """The board's region: what is counted, the latest where that is shown large, and the sheet."""
    words = frame.words("boards", visit.language)

    def say(key: str, /, **values: object) -> str:
        return words[key].format(**values) if values else words[key]

    def part(macro: str, /, *values: object) -> str:
        return frame.part(visit, TEMPLATE, macro, *values)

    def row(shown: Shown) -> tuple[object, ...]:
        """What the templates want of a passage."""
        untold = shown.who.name.lower() if isinstance(shown.who, Untold) else ""
        return (shown, untold, *time_of(shown, now_ms, say), tone_of(shown.health), word_of(shown.health))

    parts = {
        "counts": part("counts", board, doubts(board, say)),
        "gates": part("gates", board, SHAPES, lambda at_ms: when(at_ms, now_ms)),
        "hours": part("hours", board.counts, _picture(board, say, now_ms)),
    }
    if (latest := _latest(board)) is not None:
        parts["latest"] = part("latest", *row(latest), TONES)
    if board.doubted:
        parts["doubted"] = part("doubted", [row(shown) for shown in board.doubted], TONES)
    parts["lead"] = part("lead", board)
    if board.sight is Sight.NOBODY:
        return Drawn(part("whole", Parts(parts), None, "", False), parts)
    passes = board.site.category in categories.SPECIAL or any(shown.health for shown in board.rows)
    rows = {f"p{shown.key.row_id}": part("row", *row(shown), TONES, passes) for shown in board.rows}
    pager = part("pager", board)
    html = part("whole", Parts(parts), [Parts(rows)[name] for name in rows], Parts(pager=pager)["pager"], passes)
    return Drawn(html, {**parts, **rows, "pager": pager})


class Parts(dict[str, str]):
    """Parts that are markup already; one that is not there is empty."""

    def __getitem__(self, name: str) -> Markup:
        return Markup(self.get(name, ""))  # noqa: S704 - rendered by our templates, which escape


def _latest(board: Board) -> Shown | None:
    """Who came in last, where that is shown large; passes are asked of those who come in (decision 0022)."""
    if board.site.category not in categories.SPECIAL or not board.live:
        return None
    return next((shown for shown in board.rows if shown.direction is Direction.IN), None)


def _picture(board: Board, say: Say, now_ms: int) -> Markup | None:
    """The day's chart, None when nobody passed."""
    counts = board.counts
    most = max(range(len(counts.hours)), key=lambda hour: sum(counts.hours[hour]))
    if not sum(counts.hours[most]):
        return None
    title = say("board.hours.says", came=counts.came, went=counts.went, hour=most)
    now_hour = local(now_ms).hour if board.asked.day == day_of(now_ms) else None
    return Markup(hours.picture(counts.hours, title, now_hour))  # noqa: S704 - numbers of ours, title escaped
