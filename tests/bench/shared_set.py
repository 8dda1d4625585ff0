"""The shared photographs, each looked at up to five times, beside what others read of them."""

from __future__ import annotations

from measures import Measure, Stopwatch, at_least, at_most, none_of, told
from references import LOOPS
from shared_pictures import Picture, shared_pictures, squeezed

from firmware.decoder import Decoder

_LOOKS = 5
_ROUNDS = 3


def _read(picture: Picture, each_ms: list[float]) -> set[str]:
    """The texts that up to five looks found."""
    decoder, texts = Decoder(skip_unchanged=False), set[str]()
    for _ in range(_LOOKS):
        look = decoder.look(picture.grey)
        each_ms.append(look.took_ms)
        texts |= {squeezed(one.text) for one in look.decoded}
        if texts:
            break
    return texts


def measure() -> list[Measure]:
    """The figures."""
    pictures = shared_pictures()
    if not pictures:
        return []
    watches = {name: Stopwatch() for name in LOOPS}
    right, wrong, one_look, each_ms = dict.fromkeys(LOOPS, 0), 0, 0, list[float]()
    read = 0
    for turn in range(_ROUNDS):
        for picture in pictures:
            before = len(each_ms)
            texts = _read(picture, each_ms)
            found = {name: watches[name].time(loop, picture.grey) for name, loop in LOOPS.items()}
            if turn == 0:
                read += picture.text in texts
                wrong += bool(texts - {picture.text})
                one_look += picture.text in texts and len(each_ms) == before + 1
                for name, theirs in found.items():
                    right[name] += picture.text in {squeezed(text) for text in theirs}
    reference_ms = watches["pyzbar"].mean_ms
    share = 100 / len(pictures)
    return [
        at_least("shared set, up to 5 looks: read", read * share, "%", 95),
        none_of("shared set, up to 5 looks: wrong texts", wrong, "pictures"),
        at_most("shared set, up to 5 looks: a look", sum(each_ms) / len(each_ms) / reference_ms, "x pyzbar", 0.14),
        at_least("shared set, one look: read", one_look * share, "%", 85),
        *(told(f"shared set, {name}: read", right[name] * share, "%") for name in LOOPS),
        *(told(f"shared set, {name}: a look", watches[name].mean_ms / reference_ms, "x pyzbar") for name in LOOPS if name != "pyzbar"),
    ]
