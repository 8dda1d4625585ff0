"""QR codes by ZBar, as raw bytes: ZBar's own conversion to text guesses Big5 or Shift-JIS and gives wrong names without an error.

Goes around `pyzbar.decode` to the library's functions, because only they can switch on ZBar's binary mode.
Needs the system's libzbar with that mode: 0.23.92, as in Debian 12 and Raspberry Pi OS, has it (`sudo apt-get install libzbar0`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    from pyzbar import wrapper as lib
except ImportError as error:
    raise ImportError("ZBar's library is missing: sudo apt-get install libzbar0") from error

from .corners import Corners

_ALL_SYMBOLS = 0
_CONFIG_ENABLE = 0
_CONFIG_BINARY = 4  # ZBAR_CFG_BINARY; pyzbar's wrapper, older than it, calls this number CFG_NUM
_GREY = int.from_bytes(b"Y800", "little")
_CORNERS = 4


class ZBarError(RuntimeError):
    """The ZBar library does not do its work; the message says what to do."""


@dataclass(frozen=True, slots=True)
class RawCode:
    """One QR code.

    Attributes:
        data: the bytes the code holds, unconverted.
        corners: where it is; None if ZBar does not say.
        part: whether it is one of several codes that hold a text together (structured append), the others not being there.
    """

    data: bytes = field(repr=False)  # somebody's data
    corners: Corners | None
    part: bool = False


def read_qr(grey: NDArray[np.uint8]) -> list[RawCode]:
    """Returns the QR codes of a frame; a text whose parts are all there (ISO/IEC 18004, structured append) comes as one code.

    Args:
        grey: 2-D uint8 array of at least one pixel; strided is fine.

    Raises:
        ZBarError: the library is too old for binary mode, or out of memory.
    """
    height, width = grey.shape
    pixels = grey.tobytes()
    with _scanner() as scanner, _image() as image:
        lib.zbar_image_set_format(image, _GREY)
        lib.zbar_image_set_size(image, width, height)
        lib.zbar_image_set_data(image, pixels, len(pixels), None)
        if lib.zbar_scan_image(scanner, image) < 0:
            raise ZBarError("ZBar could not scan the frame: the machine may be out of memory")
        return [_raw_code(symbol) for symbol in _symbols(image) if symbol.contents.type in {lib.ZBarSymbol.QRCODE, lib.ZBarSymbol.PARTIAL}]


@contextmanager
def _scanner() -> Iterator[Any]:
    # Made anew for each frame: it costs 3 µs and nothing of one frame can then leak into the next.
    scanner = lib.zbar_image_scanner_create()
    if not scanner:
        raise ZBarError("ZBar could not start: the machine may be out of memory")
    try:
        lib.zbar_image_scanner_set_config(scanner, _ALL_SYMBOLS, _CONFIG_ENABLE, 0)
        lib.zbar_image_scanner_set_config(scanner, lib.ZBarSymbol.QRCODE, _CONFIG_ENABLE, 1)
        if lib.zbar_image_scanner_set_config(scanner, lib.ZBarSymbol.QRCODE, _CONFIG_BINARY, 1) != 0:
            raise ZBarError("this ZBar has no binary mode and would garble names: install libzbar0 0.23.92 or newer")
        yield scanner
    finally:
        lib.zbar_image_scanner_destroy(scanner)


@contextmanager
def _image() -> Iterator[Any]:
    image = lib.zbar_image_create()
    if not image:
        raise ZBarError("ZBar could not take the frame: the machine may be out of memory")
    try:
        yield image
    finally:
        lib.zbar_image_destroy(image)


def _symbols(image: Any) -> Iterator[Any]:
    symbol = lib.zbar_image_first_symbol(image)
    while symbol:
        yield symbol
        symbol = lib.zbar_symbol_next(symbol)


def _raw_code(symbol: Any) -> RawCode:
    data = ctypes.string_at(lib.zbar_symbol_get_data(symbol), lib.zbar_symbol_get_data_length(symbol))
    points = [
        (int(lib.zbar_symbol_get_loc_x(symbol, index)), int(lib.zbar_symbol_get_loc_y(symbol, index)))
        for index in range(lib.zbar_symbol_get_loc_size(symbol))
    ]
    part = symbol.contents.type == lib.ZBarSymbol.PARTIAL
    if len(points) != _CORNERS:
        return RawCode(data, None, part)
    top_left, bottom_left, bottom_right, top_right = points  # ZBar goes counter-clockwise
    return RawCode(data, (top_left, top_right, bottom_right, bottom_left), part)
