"""What the pages say: templates filled with what is known now."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import PackageLoader

from edge_agent.device.settings import Settings
from edge_agent.serving.drawing import environment
from edge_agent.station import health, paper
from edge_agent.station.asking import Answer, ReaderTest
from edge_agent.station.live import Live, Passed
from edge_agent.station.sessions import Session
from edge_agent.station.words import LANGUAGES, WORDS, Words, clock_text

REGIONS = ("gate", "health", "reader")
PAGES = ("gate", "paper", "health", "reader")
_LOOK_EACH_S = 2.0


@dataclass(frozen=True, slots=True)
class View:
    """Who looks at which page in which language.

    Attributes:
        page: the page's name, the last part of its path.
        session: theirs, None before the PIN.
    """

    words: Words
    page: str
    session: Session | None


class Views:
    """The pages' texts.

    Args:
        settings: the lanes, and where state and runtime folder are.
        live: what firmware says.
        reader: the reader test.
        now_s: monotonic seconds.
    """

    def __init__(self, settings: Settings, live: Live, reader: ReaderTest, now_s: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._live = live
        self._reader = reader
        self._now_s = now_s
        self._looked: tuple[health.Looked | None, float] = (None, 0.0)
        self.ways = paper.ways_of(settings.lanes)
        self._templates = environment(PackageLoader("edge_agent.station", "pages"))

    def view(self, language: str, path: str, session: Session | None) -> View:
        """Who looks at what."""
        return View(WORDS[language], path.rpartition("/")[2], session)

    def pin(self, view: View, *, made: bool = True, wrong: bool = False, wait_s: float = 0.0) -> str:
        """The page that asks for the PIN."""
        return self._fill("pin.html", view, made=made, wrong=wrong, wait_s=round(wait_s) + 1 if wait_s else 0)

    def page(self, view: View, page: str) -> str:
        """A page whose region changes by itself."""
        return self._fill(f"{page}.html", view, **self._known(view.words, page))

    def region(self, view: View, region: str) -> str:
        """The part of a page that changes."""
        return self._fill(f"{region}_now.html", view, **self._known(view.words, region))

    def paper(self, view: View, ref: str, typed: Mapping[str, str], answer: Answer | None = None, *, stale: bool = False) -> str:
        """The declaration form: empty, with what came of it, or with what is to be mended."""
        words = view.words
        done = answer is not None and answer.verdict in ("accepted", "repeat")
        problems = {} if answer is None else _problems(view.words, answer)
        return self._fill(
            "paper.html",
            view,
            ref=paper.new_ref() if done else ref,
            typed={} if done else typed,
            kept_way=typed.get("way", "0"),
            verdict=_verdict(view.words, answer, stale=stale),
            done=done,
            warnings=[] if answer is None else [words.say(key) for each in answer.warnings if words.has(key := f"warning.{each}")],
            problems=problems,
            ways=self.ways,
            serves=self._live.counters() is not None or answer is not None or stale,
        )

    def error(self, language: str, status: int) -> str:
        """What is said when there is no page."""
        words = WORDS[language]
        return self._fill("error.html", View(words, "gate", None), said=words.say(f"error.{status}", "error.400"))

    def _known(self, words: Words, page: str) -> dict[str, Any]:
        counters = self._live.counters()
        match page:
            case "gate":
                passages = [_shown(words, each) for each in self._live.passages()]
                return {"gate": _gate(words, counters), "presence": _presence(counters), "passages": passages}
            case "health":
                found = health.items(words, self._look(), counters)
                return {"found": found, "troubles": sum(not item.well for item in found)}
            case _:
                test = self._reader.now()
                left_s = max(0, round(test.until_s - self._now_s()))
                why = words.say(f"why.{test.why}", "why.not-understood")
                codes = [(words.say(f"kind.{each.kind}", "kind.other"), _scheme(words, each.scheme), each.took_ms) for each in test.codes]
                lanes = [lane.name for lane in self._settings.lanes]
                return {"test": test, "left_s": left_s, "why": why, "codes": codes, "lanes": lanes}

    def _look(self) -> health.Looked:
        """However many phones look, the disk is asked once in two seconds."""
        looked, at_s = self._looked
        if looked is None or self._now_s() - at_s > _LOOK_EACH_S:
            looked = health.look(self._settings)
            self._looked = looked, self._now_s()
        return looked

    def _fill(self, template: str, view: View, **values: Any) -> str:
        other = LANGUAGES[1 - LANGUAGES.index(view.words.language)]
        return self._templates.get_template(template).render(
            t=view.words.say,
            has=view.words.has,
            language=view.words.language,
            other=other,
            other_name=WORDS[other].say("language"),
            page=view.page,
            pages=PAGES,
            token=None if view.session is None else view.session.form_token,
            **values,
        )


def _gate(words: Words, counters: Mapping[str, Any] | None) -> tuple[bool, str]:
    """Whether people may come in, and how it is said."""
    if counters is None:
        return False, words.say("gate.silent")
    state = str(counters.get("gate"))[:40]
    return state == "open", words.say(f"gate.{state}", "gate.unknown", state=state)


def _presence(counters: Mapping[str, Any] | None) -> Mapping[str, int] | None:
    presence = counters.get("presence") if counters else None
    return {key: value for key, value in presence.items() if isinstance(value, int)} if isinstance(presence, dict) else None


def _shown(words: Words, each: Passed) -> dict[str, Any]:
    at = clock_text(each.at_s) if each.at_s else "–"
    way = each.way if each.way in ("in", "out") else ""
    return {"at": at, "way": way, "way_text": words.say(f"way.{way}") if way else "–", "passed": each}


def _scheme(words: Words, scheme: str) -> str:
    return words.say(f"scheme.{scheme}") if words.has(f"scheme.{scheme}") else scheme


def _problems(words: Words, answer: Answer) -> dict[str, str]:
    """What is wrong, by the form's fields; of lane and direction the form has one."""
    named = {"lane": "way", "direction": "way"}
    return {named.get(name, name): words.say(f"problem.{problem}", "problem.wrong") for name, problem in answer.problems.items()}


def _verdict(words: Words, answer: Answer | None, *, stale: bool) -> tuple[str, str] | None:
    """How a declaration ended, and how that is said."""
    if stale:
        return "refused", words.say("refused.stale")
    match answer:
        case None:
            return None
        case Answer(verdict=None):
            return "refused", words.say("paper.unanswered")
        case Answer(verdict="refused", why=why):
            return "refused", words.say(f"refused.{why}", "refused.unexpected")
        case Answer(verdict=verdict):
            looks = answer.health not in ("", "valid")
            return str(verdict), words.say(f"paper.{verdict}") + (f" {words.say('paper.no-pass')}" if looks else "")
