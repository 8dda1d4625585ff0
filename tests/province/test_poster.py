"""The poster on paper: measured and read as a printer and a phone would, from its picture alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pypdfium2
import pytest
import zxingcpp
from old_province import here
from province_world import founded

from province.base.layout import Layout
from province.paper.poster_page import NoAddress, Poster, code_text, draw
from province.registry import site_codes
from province.registry.categories import Category
from province.registry.site import Site, new_site

URL = "https://vao.tinh.example.vn"
PER_MM = 6.0
SITE = new_site("cho-dong-ba", "cho", "Chợ Đông Ba – Ẩm thực, Ướt, Ỷ, Ẵ", Category.MARKET, "Số 2 đường Trần Hưng Đạo, Huế", ("Cổng",))
LONG = new_site(
    "dai", "dai", " ".join(["Trung tâm Hội nghị"] * 5), Category.VEHICLE, " ".join(["Nghiêng Đường"] * 14), ("Cửa",), plate="75B-012.34",
    route="Tuyến 8: " + "bến xe – " * 10,
)  # fmt: skip


def page_of(pdf: bytes) -> pypdfium2.PdfPage:
    document = pypdfium2.PdfDocument(pdf)
    assert len(document) == 1
    return document[0]


@pytest.mark.parametrize("site", [SITE, LONG], ids=lambda site: site.id)
@pytest.mark.parametrize("language", ["vi", "en"])
def test_the_code_is_large_enough_and_read_from_the_picture(site: Site, language: str) -> None:
    page = page_of(draw([Poster(site, URL, language)]))
    assert [round(side * 25.4 / 72) for side in page.get_size()] == [210, 297]
    picture = page.render(scale=PER_MM * 25.4 / 72).to_pil().convert("L")
    [code] = zxingcpp.read_barcodes(np.asarray(picture), formats=zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode]))
    assert code.text == f"HTTPS://VAO.TINH.EXAMPLE.VN/S/{site.code}"
    assert site_codes.read(code.text.rpartition("/")[2]) == site.code
    corners = code.position
    across = (corners.top_right.x - corners.top_left.x, corners.bottom_left.y - corners.top_left.y)
    assert all(side / PER_MM > 150 for side in across)
    quiet = 4 * 155 / 29 * PER_MM - 2
    white = np.asarray(picture)[:, int(corners.top_left.x - quiet) : int(corners.top_left.x) - 2]
    assert white[int(corners.top_left.y) : int(corners.bottom_left.y)].min() == 255  # the quiet zone is quiet
    ink = np.argwhere(np.asarray(picture) < 128)
    assert ink[:, 0].max() < (297 - 5) * PER_MM  # no printer cuts a line off


@pytest.mark.parametrize("language, said", [("vi", "QUÉT MÃ TRƯỚC KHI VÀO"), ("en", "SCAN BEFORE YOU ENTER")])
def test_name_category_and_address_stand_there_in_right_letters(language: str, said: str) -> None:
    text = page_of(draw([Poster(SITE, URL, language)])).get_textpage().get_text_bounded()
    kind = "Chợ" if language == "vi" else "Market"
    for words in (said, "Chợ Đông Ba – Ẩm thực, Ướt, Ỷ, Ẵ", kind, "Số 2 đường Trần Hưng Đạo, Huế", site_codes.shown(SITE.code)):
        assert words in text


@pytest.mark.parametrize(
    "url", ["http://a.vn", "https://", "https://a.vn/x", "https://á.vn", "https://a@b.vn", f"https://{'a' * 70}.vn", "a"]
)
def test_an_address_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(NoAddress):
        code_text(url, SITE.code)


def test_the_command_makes_it_for_an_open_site(tmp_path: Path) -> None:
    layout: Layout = founded(tmp_path / "province")
    place = ("--id", "cho", "--org", "cho", "--name", "Chợ", "--category", "market", "--address", "Huế", "--gate", "Cổng")
    assert here("site", "add", layout.root, *place).returncode == 0
    made = ("site", "poster", layout.root, "cho", "--out", tmp_path / "p.pdf", "--url")
    assert here(*made, "http://a").returncode == 2
    done = here(*made, URL)
    assert (done.returncode, (tmp_path / "p.pdf").read_bytes()[:5]) == (0, b"%PDF-"), done.stderr
    assert here(*made, URL).returncode == 2
    bus = (
        "--id",
        "xe",
        "--org",
        "xe",
        "--name",
        "Xe",
        "--category",
        "vehicle",
        "--address",
        "Huế",
        "--gate",
        "Cửa",
        "--plate",
        "75B-012.34",
    )
    assert here("site", "add", layout.root, *bus).returncode == 0
    both = here("site", "poster", layout.root, "cho", "xe", "--out", tmp_path / "both.pdf", "--url", URL)
    assert (both.returncode, len(pypdfium2.PdfDocument(tmp_path / "both.pdf"))) == (0, 2), both.stderr
    one = here("site", "poster", layout.root, "--org", "xe", "--out", tmp_path / "one.pdf", "--url", URL)
    assert (one.returncode, "1 poster" in one.stdout) == (0, True), one.stderr
    assert here("site", "poster", layout.root, "--out", tmp_path / "none.pdf", "--url", URL).returncode == 2
    assert here("site", "close", layout.root, "cho").returncode == 0
    refused = here(*made, URL, "--force")
    assert (refused.returncode, "not an open site" in refused.stderr) == (2, True)
