"""400 Vietnamese identity cards: clean, as cards are printed (numeric and byte segments), and spoilt. No wrong text, ever.

Nor from codes in other encodings, spoilt so that zxing-cpp, which knows the encoding, does not read them and ZBar, which does not, may.
"""

from __future__ import annotations

from typing import Any

from degraded_codes import degraded
from measures import Measure, at_least, none_of, told
from numpy.typing import NDArray
from qr_pictures import bytes_that_pass_for_utf8, picture_in_segments, picture_of
from references import LOOPS, quiet_zbar

from firmware.decoder import Decoder
from firmware.person_codes import Scheme, write_person
from firmware.readers import Reader
from province.demo.synthetic import synthetic_people

_LOOKS = 5


def _ours(grey: NDArray[Any], looks: int) -> set[str]:
    decoder = Decoder(skip_unchanged=False)
    for _ in range(looks):
        if texts := {one.text for one in decoder.look(grey).decoded}:
            return texts
    return set()


def _second(grey: NDArray[Any]) -> set[str]:
    return {one.text for one in Reader.ZBAR.read(grey).decoded}


def measure() -> list[Measure]:
    """The figures."""
    with quiet_zbar():
        return [*_clean(), *_spoilt(), *_in_other_encodings()]


def _cards(seed: int) -> list[str]:
    return [write_person(person) for person in synthetic_people(400, seed=seed, scheme=Scheme.CCCD)]


def _clean() -> list[Measure]:
    texts = _cards(400)
    pictures = [(text, picture_of(text)) for text in texts] + [(text, picture_in_segments(text)) for text in texts[:200]]
    ours = sum(_ours(grey, 1) == {text} for text, grey in pictures)
    seconds = [(text, _second(grey)) for text, grey in pictures]
    second, wrong_second = (sum(found == {text} for text, found in seconds), sum(bool(found - {text}) for text, found in seconds))
    plain = sum(LOOPS["pyzbar"](grey) == {text} for text, grey in pictures)
    share = 100 / len(pictures)
    return [
        at_least("600 clean cards, 200 of them in segments: to the letter", ours * share, "%", 100),
        at_least("600 clean cards, second decoder alone: to the letter", second * share, "%", 85),
        none_of("600 clean cards, second decoder alone: wrong texts", wrong_second, "cards"),
        told("600 clean cards, pyzbar: to the letter", plain * share, "%"),
    ]


def _spoilt() -> list[Measure]:
    read, wrong, wrong_second = 0, 0, 0
    theirs, their_wrong = dict.fromkeys(LOOPS, 0), dict.fromkeys(LOOPS, 0)
    for seed, text in enumerate(_cards(401)):
        grey = degraded(picture_of(text, scale=8), seed)
        texts, second = _ours(grey, _LOOKS), _second(grey)
        read += text in texts
        wrong += bool(texts - {text})
        wrong_second += bool(second - {text})
        for name, loop in LOOPS.items():
            found = loop(grey)
            theirs[name] += text in found
            their_wrong[name] += bool(found - {text})
    return [
        none_of("400 spoilt cards, up to 5 looks: wrong texts", wrong, "cards"),
        none_of("400 spoilt cards, second decoder alone: wrong texts", wrong_second, "cards"),
        told("400 spoilt cards, up to 5 looks: read", read / 4, "%"),
        *(told(f"400 spoilt cards, {name}: read", theirs[name] / 4, "%") for name in LOOPS),
        *(told(f"400 spoilt cards, {name}: wrong texts", their_wrong[name], "cards") for name in LOOPS),
    ]


def _in_other_encodings() -> list[Measure]:
    measures: list[Measure] = []
    for name, (text, options) in bytes_that_pass_for_utf8().items():
        clean = picture_of(text, scale=8, **options)
        pictures = [degraded(clean, seed) for seed in range(400)]
        kind = f"400 spoilt codes, {name}"
        measures += [
            none_of(f"{kind}, up to 5 looks: wrong texts", sum(bool(_ours(grey, _LOOKS) - {text}) for grey in pictures), "codes"),
            none_of(f"{kind}, second decoder alone: wrong texts", sum(bool(_second(grey) - {text}) for grey in pictures), "codes"),
            told(f"{kind}, pyzbar: wrong texts", sum(bool(LOOPS["pyzbar"](grey) - {text}) for grey in pictures), "codes"),
        ]
    return measures
