"""Pictures of codes, drawn clean."""

from __future__ import annotations

from typing import Any

import numpy as np
import segno
from numpy.typing import NDArray
from segno import consts, encoder


def picture_of(
    content: str | bytes,
    *,
    scale: int = 4,
    encoding: str | None = "utf-8",
    eci: bool = False,
    mode: str | None = None,
    mask: int | None = None,
) -> NDArray[np.uint8]:
    return _grey(segno.make(content, encoding=encoding, eci=eci, mode=mode, mask=mask, micro=False), scale)


def picture_in_segments(text: str, *, scale: int = 4) -> NDArray[np.uint8]:
    """The same text as cards are printed: runs of digits in numeric mode, the rest in byte mode."""
    segments: list[tuple[bytes, int]] = []
    for field in text.split("|"):
        if segments:
            segments.append((b"|", consts.MODE_BYTE))
        if field:
            segments.append((field.encode(), consts.MODE_NUMERIC if field.isdigit() else consts.MODE_BYTE))
    return _grey(_segno_code(segments), scale)


def bytes_that_pass_for_utf8() -> dict[str, tuple[str, dict[str, Any]]]:
    """Texts in other encodings whose bytes are valid UTF-8 of another text: each with `picture_of`'s options to write it."""
    card = "001099012345|012345678|Nguyen Van An|01011990|Nam|Xa B|01012021"
    return {
        "Kanji mode": ("縺Ａ縺Ｂ" * 6, {"encoding": None, "mode": "kanji"}),
        "declared UTF-16BE": (card, {"encoding": "utf-16-be", "eci": True, "mode": "byte"}),
        "declared cp1252": ("Ã©Ã©" + card, {"encoding": "cp1252", "eci": True, "mode": "byte"}),
    }


def parts_of(text: str, count: int, *, mask: int | None = None) -> list[NDArray[np.uint8]]:
    """One text spread over several symbols (structured append)."""
    return [_grey(code, 4) for code in segno.make_sequence(text, symbol_count=count, mask=mask)]


def _segno_code(segments: list[tuple[bytes, int]]) -> segno.QRCode:
    # segno.make takes one mode for all; its encoder takes one for each segment.
    make: Any = segno.QRCode
    encode: Any = encoder.encode
    return make(encode(segments, micro=False))  # type: ignore[no-any-return]


def _grey(code: segno.QRCode, scale: int) -> NDArray[np.uint8]:
    rows = [[0 if dark else 255 for dark in row] for row in code.matrix_iter(scale=scale, border=4)]
    return np.array(rows, dtype=np.uint8)
