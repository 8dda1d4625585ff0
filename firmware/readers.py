"""The two decoders, each believed to the letter or not at all: only bytes that are UTF-8 become text, nobody's guess of an encoding.

zxing-cpp says in which encoding a code was written; ZBar does not, and is believed only where no other could be meant.
"""

from __future__ import annotations

import unicodedata
from enum import Enum

import numpy as np
import zxingcpp
from numpy.typing import NDArray

from . import zbar
from .corners import Corners
from .found import Decoded, Found, gathered
from .parts import drawn_if_doubtful

_VOWELS = "aăâeêioôơuưy"
_TONES = "\u0300\u0301\u0303\u0309\u0323"  # grave, acute, tilde, hook above, dot below
_LETTERS = "đ" + _VOWELS + "".join(unicodedata.normalize("NFC", vowel + tone) for vowel in _VOWELS for tone in _TONES)
_VIETNAMESE = frozenset(_LETTERS + _LETTERS.upper())  # TCVN 6909, composed
# Model 2 alone is the QR code of people's codes. Each further family is one more way to see a code where none is.
_FORMAT = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2)


class Reader(Enum):
    """A decoder and how it tells black from white."""

    ZXING = "zxing-cpp, each spot against its surroundings"
    ZXING_GLOBAL = "zxing-cpp, one threshold for all"  # another opinion for half the time
    ZBAR = "ZBar, in binary mode"  # finds codes in its own way, dear

    @property
    def work(self) -> float:
        """What it costs, compared with zxing-cpp for the same pixels."""
        return {Reader.ZXING: 1.0, Reader.ZXING_GLOBAL: 0.5, Reader.ZBAR: 15.0}[self]

    def read(self, grey: NDArray[np.uint8]) -> Found:
        """Reads a picture.

        Args:
            grey: 2-D uint8 array of at least one pixel; may be strided.

        Raises:
            zbar.ZBarError: ZBar was asked and the system's library is too old for it.
        """
        if self is Reader.ZBAR:
            return _by_zbar(grey)
        return _by_zxing(grey, zxingcpp.Binarizer.LocalAverage if self is Reader.ZXING else zxingcpp.Binarizer.GlobalHistogram)


def _by_zxing(grey: NDArray[np.uint8], binarizer: zxingcpp.Binarizer) -> Found:
    decoded: list[Decoded] = []
    located: list[Corners] = []
    not_text: list[Corners] = []
    for code in zxingcpp.read_barcodes(
        grey,
        formats=_FORMAT,
        try_rotate=True,
        try_downscale=True,  # photographs of screens go from 1 of 17 read to 17 of 17
        try_invert=True,
        text_mode=zxingcpp.TextMode.Plain,
        binarizer=binarizer,
        return_errors=True,
    ):
        corners = _corners(code.position)
        text = _utf8(code.bytes) if code.valid else None
        if not code.valid:
            located.append(corners)
        # They differ when the code declares an encoding other than UTF-8, or when zxing-cpp guesses one: not a text to believe.
        elif text is None or text != code.text:
            not_text.append(corners)
        else:
            decoded.append(Decoded(text, "zxing", corners, drawn_if_doubtful(code)))
    return gathered(decoded, located, not_text)


def _by_zbar(grey: NDArray[np.uint8]) -> Found:
    decoded: list[Decoded] = []
    not_text: list[Corners] = []
    for code in zbar.read_qr(grey):
        text = None if code.part else certain_text(code.data)
        if text is not None:
            decoded.append(Decoded(text, "zbar", code.corners))
        elif code.corners is not None and (code.part or _utf8(code.data) is None):
            not_text.append(code.corners)
    return gathered(decoded, (), not_text)


def certain_text(data: bytes) -> str | None:
    r"""Returns the text of bytes of which nobody says in which mode and encoding they were written, None where that could matter.

    ZBar hands out the bytes of a code in Kanji mode, or of one that declares an encoding it does not know, like any others. So a text
    beyond ASCII is believed only if all its letters are Vietnamese and one of them is of three bytes (U+1EA0 to U+1EF9, such as
    `ễ`): those bytes are "á»…" in a Western code page, and no Kanji anybody writes. Control characters are the half of UTF-16.

    Example:
        >>> certain_text("Nguyễn Đình".encode()), certain_text("Trần\n".encode()), certain_text(b"Lan|1999")
        ('Nguyễn Đình', 'Trần\n', 'Lan|1999')
        >>> certain_text("é".encode()), certain_text("縺Ａ".encode("shift_jis")), certain_text("Lan".encode("utf-16-be"))
        (None, None, None)
    """
    text = _utf8(data)
    if text is None or any((character < " " and character not in "\t\n\r") or character == "\x7f" for character in text):
        return None
    beyond = {character for character in text if character > "\x7f"}
    if not beyond:
        return text
    return text if beyond <= _VIETNAMESE and any("\u1ea0" <= character <= "\u1ef9" for character in beyond) else None


def _utf8(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _corners(position: zxingcpp.Position) -> Corners:
    return (
        (position.top_left.x, position.top_left.y),
        (position.top_right.x, position.top_right.y),
        (position.bottom_right.x, position.bottom_right.y),
        (position.bottom_left.x, position.bottom_left.y),
    )
