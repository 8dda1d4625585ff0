"""The test code that an installer holds up to a camera or reader: a QR code of nobody.

It has as many modules as a national personal code (version 8, 49 a side), so that a gate which reads it reads people at the same
distance. At a gate it is answered like any other code that names no person. Source of the sizes: ISO/IEC 18004, table 1; decision
1405/QĐ-BTTTT for the 5 × 5 cm of a printed personal code.
"""

from __future__ import annotations

from math import dist

import numpy as np
from numpy.typing import NDArray

from firmware.codes import TEST_CODE
from firmware.corners import Corners

TEXT = TEST_CODE
MODULES = 49
PRINTED_MM = 50.0
_VERSION, _LEVEL = 8, "M"


def drawn() -> NDArray[np.bool_]:
    """The code with its quiet zone of four modules: shape (57, 57), True where it is dark."""
    import zxingcpp  # noqa: PLC0415 - the self-test of a gate without cameras must not need it

    code = zxingcpp.create_barcode(TEXT, zxingcpp.BarcodeFormat.QRCode, version=_VERSION, ecLevel=_LEVEL)
    dark: NDArray[np.bool_] = np.asarray(code.to_image(scale=1, add_quiet_zones=True)) == 0
    return dark


def module_px(corners: Corners) -> float:
    """How many pixels wide a module of the code is where a camera sees it at these corners; the smallest side counts.

    Example:
        >>> module_px(((0, 0), (98, 0), (98, 147), (0, 147)))
        2.0
    """
    return min(dist(one, other) for one, other in zip(corners, (*corners[1:], corners[0]), strict=True)) / MODULES
