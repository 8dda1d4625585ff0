"""What others would do with the same frame: the loops that our figures are ratios to."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray
from pyzbar import pyzbar

Grey = NDArray[np.uint8]

log = logging.getLogger(__name__)
_QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2)
_OPENCV = cv2.QRCodeDetector()


def plain_pyzbar_texts(grey: Grey) -> set[str]:
    """The loop most Pi projects use: `pyzbar.decode(frame)`, all its symbologies, its own idea of the encoding."""
    return {code.data.decode("utf-8", "replace") for code in pyzbar.decode(grey)}


def zxing_alone(grey: Grey) -> list[zxingcpp.Barcode]:
    """zxing-cpp for QR codes with everything on; half-read codes too."""
    return zxingcpp.read_barcodes(grey, formats=_QR, return_errors=True, text_mode=zxingcpp.TextMode.Plain)


def zxing_texts(grey: Grey) -> set[str]:
    """The texts of `zxing_alone`."""
    return {code.text for code in zxing_alone(grey) if code.valid}


def opencv_texts(grey: Grey) -> set[str]:
    """OpenCV's QRCodeDetector."""
    try:
        found, texts, _, _ = _OPENCV.detectAndDecodeMulti(grey)
    except cv2.error as error:  # it throws on some frames instead of finding nothing
        log.debug("OpenCV gave up on a frame: %s", error)
        return set()
    return {text for text in texts if text} if found else set()


LOOPS: dict[str, Callable[[Grey], set[str]]] = {"pyzbar": plain_pyzbar_texts, "zxing-cpp": zxing_texts, "OpenCV": opencv_texts}


@contextmanager
def quiet_zbar() -> Iterator[None]:
    """ZBar's C code prints warnings of its other symbologies; they go to /dev/null, past Python's own stderr."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
