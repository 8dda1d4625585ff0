"""Which error correction a printed 5 cm code should have: the same people at each level, creased, rubbed, bent and seen from afar.

`.venv/bin/python tests/bench/crumpled_cards.py`. A higher level mends more and has smaller modules; decision 0010 quotes the table.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

import cv2  # noqa: E402 - the path above comes first
import numpy as np  # noqa: E402 - the same
import segno  # noqa: E402 - the same
from numpy.typing import NDArray  # noqa: E402 - the same

from firmware.decoder import Decoder  # noqa: E402 - the same
from province.demo.synthetic_codes import CodeForm, synthetic_codes  # noqa: E402 - the same

Grey = NDArray[np.uint8]
LEVELS = ("L", "M", "Q", "H")
_LOOKS = 5
_SIDE_MM = 50.0
_PX_PER_MM = 10  # at which the paper is drawn, before the camera sees less of it


def printed(text: str, level: str) -> tuple[Grey, int]:
    """A code of 5 cm with its quiet zone on white paper, and its modules a side."""
    code = segno.make(text, error=level, micro=False, boost_error=False)
    modules = code.symbol_size(border=0)[0]
    matrix = np.array([[0 if dark else 255 for dark in row] for row in code.matrix_iter(border=4)], np.uint8)
    side = round(_SIDE_MM * _PX_PER_MM * (modules + 8) / modules)
    return np.asarray(cv2.resize(matrix, (side, side), interpolation=cv2.INTER_NEAREST), np.uint8), int(modules)


def crumpled(paper: Grey, harm: float, rng: np.random.Generator) -> Grey:
    """The paper after a while in a pocket: creases from which the ink is gone, rubbed spots, bent.

    Args:
        paper: as printed.
        harm: 0 for new, 1 for bad.
        rng: everything left to chance.
    """
    worn, side = paper.astype(np.float32), paper.shape[0]
    for _ in range(round(harm * 5)):
        one, two = rng.uniform(-0.2, 1.2, (2, 2)) * side
        start, end = (tuple(int(value) for value in point) for point in (one, two))
        cv2.line(worn, start, end, (255.0,), max(1, int(rng.uniform(0.3, 1.6) * _PX_PER_MM)))
    for _ in range(round(harm * 3)):
        at = tuple(int(value) for value in rng.uniform(0.1, 0.9, 2) * side)
        size = tuple(int(value * _PX_PER_MM) for value in rng.uniform(1, 4, 2))
        cv2.ellipse(worn, at, size, float(rng.uniform(0, 180)), 0, 360, (float(rng.choice((60, 255))),), -1)
    field = cv2.resize(rng.normal(0, harm * 0.15 * _PX_PER_MM, (5, 5, 2)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).astype(np.float32) + field
    bent = cv2.remap(worn, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR, borderValue=(255.0,))
    shade = cv2.resize(rng.uniform(1 - 0.5 * harm, 1, (5, 5)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(bent * shade, 0, 255), np.uint8)


def seen(paper: Grey, pixels: int, rng: np.random.Generator) -> Grey:
    """What a camera makes of it: so many pixels across, soft, noisy, a little turned."""
    small = cv2.resize(paper, (pixels, pixels), interpolation=cv2.INTER_AREA)
    frame = np.full((480, 640), 140, np.uint8)
    turn = np.array(cv2.getRotationMatrix2D((pixels / 2, pixels / 2), float(rng.uniform(-20, 20)), 1), np.float64)
    turn[:, 2] += (320 - pixels / 2, 240 - pixels / 2)
    frame = np.asarray(cv2.warpAffine(small, turn, (640, 480), frame, borderMode=cv2.BORDER_TRANSPARENT), np.uint8)
    soft = cv2.GaussianBlur(frame, (0, 0), float(rng.uniform(0.4, 1.1))).astype(np.float32)
    return np.asarray(np.clip(soft + rng.normal(0, 6, soft.shape), 0, 255), np.uint8)


def is_read(grey: Grey, text: str) -> bool:
    """Whether our decoder reads it within five looks."""
    decoder = Decoder(skip_unchanged=False)
    return any(text in {one.text for one in decoder.look(grey).decoded} for _ in range(_LOOKS))


def main() -> None:
    """Prints the share read by level, harm and pixels."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60, help="people (default: 60)")
    count = parser.parse_args().count
    texts = [code.text for code in synthetic_codes(CodeForm.NATIONAL, count, seed=5)]
    print(f"{'harm':>5} {'pixels':>7}" + "".join(f"{level:>7}" for level in LEVELS) + "   % read")
    for harm in (0.0, 0.3, 0.6, 1.0):
        for pixels in (130, 180, 260):
            shares = []
            for level in LEVELS:
                good = 0
                for number, text in enumerate(texts):
                    rng = np.random.default_rng(number)  # the same harm at each level
                    good += is_read(seen(crumpled(printed(text, level)[0], harm, rng), pixels, rng), text)
                shares.append(100 * good / count)
            print(f"{harm:>5} {pixels:>7}" + "".join(f"{share:>7.0f}" for share in shares))
    sides = {level: sorted({printed(text, level)[1] for text in texts}) for level in LEVELS}
    print("modules a side: " + ", ".join(f"{level} {found[0]}–{found[-1]}" for level, found in sides.items()))


if __name__ == "__main__":
    main()
