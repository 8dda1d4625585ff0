"""Draws sites' posters: one A4 page each, with the site code, 155 mm wide, the place's name, and what a visitor does.

The code is the address of the check-in page with the site code at its end, in capitals: letters that a QR code packs tightly, so that
its modules are large and it is read from across a gate. Source: the guideline's "at least 15 × 15 cm"; decision 0102.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from province.paper.card_code import QUIET_MODULES, encoded
from province.paper.page import FONT, PAGE_MM, draw_code, fitted, new_canvas, pt
from province.registry import categories, site_codes
from province.registry.site import Site

CODE_MM = 155.0
_MARGIN_MM = 14.0
_BAND_MM = 20.0
_HOST_CHARACTERS = 60
_BLUE = (0.05, 0.28, 0.46)
_WORDS = {
    "vi": (
        "QUÉT MÃ TRƯỚC KHI VÀO VÀ KHI RA",
        (
            "1. Mở máy ảnh điện thoại, hướng vào mã.",
            "2. Bấm vào đường dẫn hiện ra; xem tên địa điểm có đúng không.",
            "3. Ghi họ tên, số điện thoại; bấm “Vào” hoặc “Ra”.",
        ),
        "Không có điện thoại: đưa mã QR cá nhân cho máy quét, hoặc khai với người trực.",
        "Mã địa điểm",
    ),
    "en": (
        "SCAN BEFORE YOU ENTER AND WHEN YOU LEAVE",
        (
            "1. Open your phone's camera and point it at the code.",
            "2. Tap the link; see that the name of the place is right.",
            "3. Give your name and phone number; tap “In” or “Out”.",
        ),
        "No phone? Show your personal QR code to the reader, or tell the keeper.",
        "Site code",
    ),
}


class NoAddress(ValueError):
    """The check-in page's address cannot be; the message says what it must be."""


@dataclass(frozen=True, slots=True)
class Poster:
    """What a poster says.

    Attributes:
        site: the place.
        address: of the check-in page, `https://HOST` or `https://HOST:PORT`.
        language: `vi` or `en`.
    """

    site: Site
    address: str
    language: str

    @property
    def text(self) -> str:
        """What its code says."""
        return code_text(self.address, self.site.code)


def code_text(address: str, code: str) -> str:
    """What the code on a poster says.

    Raises:
        NoAddress: the address cannot be.

    Example:
        >>> code_text("https://vao.tinh.example.vn/", "7K2QMB4XZQPAT6UD")
        'HTTPS://VAO.TINH.EXAMPLE.VN/S/7K2QMB4XZQPAT6UD'
    """
    parts = urlsplit(address)
    host = parts.netloc.upper()
    if parts.scheme != "https" or not 1 <= len(host) <= _HOST_CHARACTERS or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise NoAddress(
            f"{address!r}: must be https:// and a host of at most {_HOST_CHARACTERS} characters, such as https://vao.tinh.example.vn"
        )
    if not set(host) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:"):
        raise NoAddress(f"{address!r}: its host may have letters A to Z, digits, dots and hyphens")
    return f"HTTPS://{host}/S/{code}"


def draw(posters: Sequence[Poster], font: Path | None = None) -> bytes:
    """Returns the PDF, a page each.

    Args:
        posters: at least one.
        font: a TrueType font with Vietnamese letters; None looks for DejaVu Sans or Noto Sans.

    Raises:
        NoAddress: the check-in page's address cannot be.
        NoFont: there is no font with Vietnamese letters.
    """
    buffer = io.BytesIO()
    canvas = new_canvas(buffer, font)
    canvas.setTitle(f"{site_codes.PREFIX}{posters[0].site.code}" if len(posters) == 1 else "QR")
    canvas.setAuthor("")
    for poster in posters:
        _draw(canvas, poster)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _draw(canvas: Any, poster: Poster) -> None:
    code = encoded(poster.text)
    title, steps, without, called = _WORDS[poster.language]
    width, height = PAGE_MM
    canvas.setFillColorRGB(*_BLUE)
    canvas.rect(0, pt(height - _BAND_MM), pt(width), pt(_BAND_MM), stroke=0, fill=1)
    canvas.setFillGray(1)
    _centred(canvas, title, (height - _BAND_MM + 6.5, 24), 1)
    canvas.setFillGray(0)
    top = _centred(canvas, poster.site.name, (height - _BAND_MM - 13, 30), 2)
    top = _centred(canvas, categories.named(poster.site.category, poster.language), (top, 13), 1)
    place = ", ".join(part for part in (poster.site.plate, poster.site.route, poster.site.address) if part)
    top = _centred(canvas, place, (top, 13), 2)
    quiet_mm = CODE_MM / len(code.rows) * QUIET_MODULES
    bottom = top + 4 - quiet_mm - CODE_MM  # `top` is where the next line's letters would stand
    draw_code(canvas, code, ((width - CODE_MM) / 2, bottom), CODE_MM)
    down = _centred(canvas, f"{called}: {site_codes.shown(poster.site.code)}", (bottom - quiet_mm - 1, 12), 1)
    for step in (*steps, without):
        down = _left(canvas, step, down)


def _centred(canvas: Any, text: str, place: tuple[float, float], most: int) -> float:
    """Writes a text in the middle; `place` is its first line's foot in mm and its size in points. Returns the next line's foot in mm."""
    foot, size = place
    parts, size = fitted(canvas, text, size, PAGE_MM[0] - 2 * _MARGIN_MM, most)
    canvas.setFont(FONT, size)
    for part in parts:
        canvas.drawCentredString(pt(PAGE_MM[0] / 2), pt(foot), part)
        foot -= size * 0.45
    return foot


def _left(canvas: Any, text: str, foot: float) -> float:
    parts, size = fitted(canvas, text, 12, PAGE_MM[0] - 2 * 24, 2)
    canvas.setFont(FONT, size)
    for part in parts:
        canvas.drawString(pt(24), pt(foot), part)
        foot -= size * 0.47
    return foot
