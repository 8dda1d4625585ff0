"""The shared set: photographs of codes with the text each holds. `GATE_QR_IMAGES` names another folder of the same form."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware.pictures import load_grey

FOLDER = Path(os.environ.get("GATE_QR_IMAGES", Path(__file__).parents[2] / "../shared/qr-images"))


@dataclass(frozen=True, slots=True)
class Picture:
    """One photograph; texts are compared ignoring white space."""

    name: str
    grey: NDArray[np.uint8]
    text: str


def squeezed(text: str) -> str:
    """A text without its white space."""
    return "".join(text.split())


@cache
def shared_pictures() -> tuple[Picture, ...]:
    """All pictures of the manifest; none where the folder is not."""
    manifest = FOLDER / "manifest.json"
    if not manifest.is_file():
        return ()
    rows = json.loads(manifest.read_text("utf-8"))
    return tuple(Picture(row["file"], load_grey(FOLDER / row["file"]), squeezed(row["text"])) for row in rows)
