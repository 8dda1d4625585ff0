"""Picture files as grey frames."""

from __future__ import annotations

import os
import stat
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff", ".webp"})


class NotAPicture(Exception):
    """The file cannot be opened as a picture; the message says why."""


def pictures_in(path: Path) -> list[Path]:
    """Returns a file as it is, or a folder's pictures (by suffix, not its sub-folders') in order of name.

    Raises:
        NotAPicture: a folder that cannot be listed or holds no picture.
    """
    try:
        if not path.is_dir():
            return [path]
        found = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise NotAPicture(f"the folder cannot be listed: {error.strerror or error}") from error
    if not found:
        raise NotAPicture(f"the folder holds no picture ({', '.join(sorted(SUFFIXES))})")
    return found


def load_grey(path: Path) -> NDArray[np.uint8]:
    """Returns a picture as a 2-D uint8 array, on white where it is transparent.

    Raises:
        NotAPicture: no such file, no permission, no regular file, not a picture, damaged, or too large to be one.
    """
    try:
        with _regular(path) as file, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as picture:
                return _grey(picture)
    except OSError as error:  # also Pillow's "cannot identify image file" and "image file is truncated"
        raise NotAPicture(error.strerror or "it is not a picture Pillow can open, or it is damaged") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NotAPicture(f"it has more than {(Image.MAX_IMAGE_PIXELS or 0) // 1_000_000} million pixels: shrink it first") from error
    except (ValueError, SyntaxError, EOFError, IndexError, TypeError) as error:  # what Pillow's parsers raise on damaged files
        raise NotAPicture("it is damaged") from error


def _regular(path: Path) -> BinaryIO:
    """Opens a file, but nothing that may never end or never begin: a pipe without a writer, a terminal, a device."""
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise NotAPicture("it is no regular file but a pipe, socket, device or folder: save the picture to a file first")
    return os.fdopen(number, "rb")


def _grey(picture: Image.Image) -> NDArray[np.uint8]:
    if picture.mode.startswith("I;16"):  # Pillow's own conversion cuts 16-bit grey off at 255 instead of scaling it
        return (np.asarray(picture) >> 8).astype(np.uint8)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return np.asarray(Image.alpha_composite(white, picture).convert("L"))
    return np.asarray(picture.convert("L"))
