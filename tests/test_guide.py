"""The field guide: both languages say the same, every signal is in it, its PDFs hold their text and the quick card stays one page."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import check_docs
import electrical
import guide_parts
import guide_path
import guide_words
import kit_pins
import light_strip
import optics
import pdf
import pypdfium2
import pytest
from guide_words import Language

from drivers.indicator import Signal
from drivers.patterns import PATTERNS, Lamp

FOLDER = pdf.FOLDER / "guide"
COLOURS = {
    Language.VI: {Lamp.GREEN: "xanh", Lamp.AMBER: "vàng", Lamp.RED: "đỏ"},
    Language.EN: {Lamp.GREEN: "green", Lamp.AMBER: "amber", Lamp.RED: "red"},
}
STATES = [signal for signal, pattern in PATTERNS.items() if pattern.is_state]


def page(name: str, language: Language) -> str:
    return (FOLDER / language / f"{name}.md").read_text("utf-8")


def headings(text: str) -> list[str]:
    return re.findall(r"^(#+) ", text, re.MULTILINE)


def test_every_signal_part_and_state_has_words_and_nothing_else_has() -> None:
    assert guide_words.problems() == []
    assert guide_parts.leftovers() == []


@pytest.mark.parametrize("name", pdf.CHAPTERS)
def test_both_languages_have_the_same_chapters_sections_pictures_and_links(name: str) -> None:
    vietnamese, english = (page(name, language) for language in Language)
    assert headings(vietnamese) == headings(english)
    for pattern in (r"!\[[^\]]*\]\(([^)]*)\)", r"generated: ([\w-]+) -->", r"```(\w*)"):
        there = [[re.sub(r"\b(vi|en)\b", "LANGUAGE", found) for found in re.findall(pattern, text)] for text in (vietnamese, english)]
        assert there[0] == there[1]


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("signal", STATES)
def test_each_state_has_its_section_named_by_the_lamps_it_lights(signal: Signal, language: Language) -> None:
    title = guide_words.trouble(signal, language)
    text = page("trouble", language)
    assert f"## {title}\n<!-- generated: light-{signal}-{language} -->" in text
    lit = {lamp for step in PATTERNS[signal].steps for lamp in step.lamps}
    words = set(re.findall(r"\w+", title.lower()))
    assert {lamp for lamp, word in COLOURS[language].items() if word in words} == lit


@pytest.mark.parametrize("language", list(Language))
def test_the_path_leads_to_every_state_once(language: Language) -> None:
    picture = guide_path.draw(language)
    for signal in STATES:
        assert picture.count(f">{guide_words.trouble(signal, language)}<") == 1


def test_a_strip_shows_each_lamp_that_is_lit_and_each_sound() -> None:
    dark = light_strip.strip(PATTERNS[Signal.CLOSED], "dark")
    for signal, pattern in PATTERNS.items():
        drawn = light_strip.strip(pattern, str(signal))
        for lamp in Lamp:
            lit = any(lamp in step.lamps for step in pattern.steps)
            assert (drawn.count(light_strip.COLOURS[lamp]) > dark.count(light_strip.COLOURS[lamp])) == lit
        sounds = any(step.sound for step in pattern.steps)
        assert (drawn.count(light_strip.SOUND) > dark.count(light_strip.SOUND)) == sounds


def pages_of(file: Path) -> list[str]:
    document: Any = pypdfium2.PdfDocument(file)
    try:
        return [re.sub(r"\s+", " ", each.get_textpage().get_text_range()) for each in document]
    finally:
        document.close()


def text_of(file: Path) -> tuple[int, str]:
    pages = pages_of(file)
    return len(pages), " ".join(pages)


@pytest.mark.parametrize("language", list(Language))
def test_the_quick_card_is_one_page_with_every_signal_for_the_keeper(language: Language, tmp_path: Path) -> None:
    file = pdf.write("card.pdf", guide_parts.card(language), FOLDER, tmp_path)
    pages, text = text_of(file)
    assert pages == 1
    for signal in PATTERNS:
        on_it = guide_words.advice(signal).group in guide_parts.ON_THE_CARD
        assert (guide_words.called(signal, language) in text) == on_it


def test_the_guide_is_a_book_whose_links_lead_somewhere_in_it(tmp_path: Path) -> None:
    html = pdf.guide(Language.VI)
    ids = set(re.findall(r'id="([^"]+)"', html))
    links = set(re.findall(r'href="#([^"]+)"', html))
    assert set(pdf.CHAPTERS) <= ids
    assert links <= ids
    pages, text = text_of(pdf.write("guide.pdf", html, FOLDER / "vi", tmp_path))
    assert pages > len(pdf.CHAPTERS)
    for chapter in pdf.CHAPTERS:
        title = check_docs.read(FOLDER / "vi" / f"{chapter}.md").text.partition("\n")[0].removeprefix("# ")
        assert title in text
    assert "Nói gì khi khách hỏi" in text


def test_wherever_a_page_ends_a_light_stays_with_its_first_step(tmp_path: Path) -> None:
    style = (FOLDER / "book.css").read_text("utf-8")
    above_mm = range(190, 262, 6)
    sections = (
        f'<div style="break-before: page; height: {height}mm">.</div><h2>head{height}.</h2>'
        f'<p><img src="../lights/shut.svg"></p><p><em>light{height}.</em></p><ol><li>step{height}.</li><li>then</li></ol>'
        for height in above_mm
    )
    pages = pages_of(pdf.write("pages.pdf", f"<style>{style}</style>{''.join(sections)}", FOLDER / "en", tmp_path))
    for height in above_mm:
        assert any(all(f"{word}{height}." in text for word in ("head", "light", "step")) for text in pages), height


@pytest.mark.parametrize("language", list(Language))
def test_a_light_is_on_one_page_with_what_to_do_and_what_an_installer_must_not_guess_is_there(language: Language, tmp_path: Path) -> None:
    pages = pages_of(pdf.write("guide.pdf", pdf.guide(language), FOLDER / language, tmp_path))
    closed_up = [text.replace(" ", "") for text in pages]
    for signal in STATES:
        section = page("trouble", language).partition(f"## {guide_words.trouble(signal, language)}\n")[2].partition("\n## ")[0]
        said = re.findall(r"^\*(.+)\.\*$|^1\. ([\w ]+)", section, re.MULTILINE)
        words = ["".join(found).replace(" ", "") for found in said]
        assert [text for text in closed_up if all(each in text for each in words)], signal
    text = " ".join(pages)
    for kit in kit_pins.KITS:
        assert f"{kit} {electrical.fuse_a(kit):g} A" in text
        assert all(f"GPIO{use.bcm} {use.header}" in text for use in kit_pins.uses(kit))
    assert all(f"{place.down_degrees:g}°" in text for place in optics.MOUNTINGS.values())


def test_the_example_of_the_self_test_says_what_the_program_says() -> None:
    told = " ".join(" ".join(guide_parts.check_example()).split())
    assert "cannot be trusted (neither the network nor a battery clock set it)" in told
    assert "/var/lib/gate-scanner: this device is not enrolled" in told


@pytest.mark.parametrize("sheet", sorted((pdf.FOLDER / "print").glob("*.html")), ids=lambda sheet: sheet.stem)
def test_every_sheet_to_print_is_one_page_in_the_widest_of_its_fonts(sheet: Path, tmp_path: Path) -> None:
    pages, _text = text_of(pdf.write("sheet.pdf", sheet.read_text("utf-8").replace('"Noto Sans", ', ""), FOLDER, tmp_path))
    assert pages == 1


def test_drawings_are_the_same_after_a_pdf_was_written(tmp_path: Path) -> None:
    pdf.write("sheet.pdf", "<p>words", FOLDER, tmp_path)
    script = pdf.FOLDER / "pictures" / "side_bus_door.py"
    assert runpy.run_path(str(script))["draw"]() == script.with_suffix(".svg").read_text("utf-8")
