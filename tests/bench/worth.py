"""Says what each rescue of firmware/rescues.py is worth, to order the table by: `.venv/bin/python tests/bench/worth.py`.

On pictures that the plain look does not read: the shared photographs spoilt in six ways, spoilt cards, frames of approaches. For each row:
how many it reads, how many of those no row above it reads, and its time.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1]), str(HERE.parent / "firmware")]

import cv2  # noqa: E402 - the path above comes first
import numpy as np  # noqa: E402
from approach_view import frames  # noqa: E402
from degraded_codes import degraded  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from qr_pictures import picture_of  # noqa: E402
from shared_pictures import shared_pictures, squeezed  # noqa: E402

from firmware.decoder import rescued_by  # noqa: E402
from firmware.found import Found  # noqa: E402
from firmware.person_codes import write_person  # noqa: E402
from firmware.readers import Reader  # noqa: E402
from firmware.rescues import WHEN_LOCATED, WHEN_NOTHING_LOCATED, Rescue  # noqa: E402
from province.demo.synthetic import synthetic_people  # noqa: E402

Grey = NDArray[np.uint8]
_CARDS, _APPROACHES = 800, 60


def photographs() -> Iterator[tuple[str, Grey]]:
    """The shared photographs as they are, smaller, blurred, moved, turned."""
    rng = np.random.default_rng(6)
    moved = np.zeros((9, 9), np.float32)
    moved[4] = 1 / 9
    for picture in shared_pictures():
        grey, (height, width) = picture.grey, picture.grey.shape
        soft = cv2.GaussianBlur(grey, (0, 0), 1.6) + rng.normal(0, 6, grey.shape)
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), 20, 0.7)
        spoilt = [
            *(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for scale in (0.35, 0.5, 0.7)),
            np.clip(soft, 0, 255),
            cv2.filter2D(grey, -1, moved),
            cv2.warpAffine(grey, turn, (width, height), borderMode=cv2.BORDER_REPLICATE),
        ]
        yield from ((picture.text, np.asarray(one, np.uint8)) for one in (grey, *spoilt))


def cards() -> Iterator[tuple[str, Grey]]:
    """Cards spoilt by chance; others than the benchmark's."""
    for seed, person in enumerate(synthetic_people(_CARDS, seed=33)):
        text = write_person(person)
        yield squeezed(text), degraded(picture_of(text, scale=8), 5000 + seed)


def approaches() -> Iterator[tuple[str, Grey]]:
    """Every second frame around the first one that is read; other approaches than the benchmark's."""
    for seed, person in enumerate(synthetic_people(_APPROACHES, seed=34)):
        text = write_person(person)
        seen = list(frames(text, 1000 + seed))[::2]
        first = next((number for number, grey in enumerate(seen) if Reader.ZXING.read(grey).decoded), len(seen) - 1)
        yield from ((squeezed(text), grey) for grey in seen[max(0, first - 5) : first + 12])


def beside() -> Iterator[tuple[str, Grey]]:
    """Every second frame of the same approaches, with somebody else's clean code held still in the corner."""
    *people, other = synthetic_people(_APPROACHES + 1, seed=34)
    still = picture_of(write_person(other), scale=4)
    for seed, person in enumerate(people):
        text = write_person(person)
        for grey in list(frames(text, 1000 + seed))[::2]:
            grey[20 : 20 + still.shape[0], 20 : 20 + still.shape[1]] = still
            yield squeezed(text), grey


def report(title: str, rescues: Sequence[Rescue], missed: dict[str, list[tuple[str, Grey, Found]]]) -> None:
    """Prints one table."""
    print(f"{title}: {', '.join(f'{len(pictures)} {name}' for name, pictures in missed.items())}")
    read: set[tuple[str, int]] = set()
    for rescue in rescues:
        now: set[tuple[str, int]] = set()
        started_s = time.perf_counter()
        for name, pictures in missed.items():
            for number, (text, grey, plain) in enumerate(pictures):
                texts = _texts(rescued_by(rescue, grey, plain)) - _texts(plain)
                assert texts <= {text}, f"{rescue.name} reads a wrong text"
                now |= {(name, number)} if texts else set()
        each_ms = (time.perf_counter() - started_s) * 1000 / max(1, sum(map(len, missed.values())))
        counts = ["%3d (%2d)" % (sum(one[0] == name for one in now), sum(one[0] == name for one in now - read)) for name in missed]  # noqa: UP031
        print(f"  {rescue.name:36} {'  '.join(counts)}  {each_ms:5.2f} ms")
        read |= now
    print(f"  {'all together':36} {'  '.join(f'{sum(one[0] == name for one in read):3}     ' for name in missed)}")


def _texts(found: Found) -> set[str]:
    return {squeezed(one.text) for one in found.decoded}


def main() -> None:
    """Prints the tables."""
    located: dict[str, list[tuple[str, Grey, Found]]] = {}
    nothing: dict[str, list[tuple[str, Grey, Found]]] = {}
    for name, source in (("photographs", photographs), ("cards", cards), ("approaches", approaches)):
        located[name], nothing[name] = [], []
        for text, grey in source():
            plain = Reader.ZXING.read(grey)
            if not plain.decoded:
                (located if plain.located else nothing)[name].append((text, grey, plain))
    read: list[tuple[str, Grey, Found]] = []
    for text, grey in beside():
        plain = Reader.ZXING.read(grey)
        if plain.settled and text not in _texts(plain):
            read.append((text, grey, plain))
    report("located, not read", WHEN_LOCATED, located)
    report("nothing located", WHEN_NOTHING_LOCATED, nothing)
    report("another read, nothing located beside it", WHEN_NOTHING_LOCATED, {"approaches": read})


if __name__ == "__main__":
    main()
