"""Draws pages: each section's templates and words in the one frame, with the menu of whoever is in."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import BaseLoader, PackageLoader, PrefixLoader
from markupsafe import Markup
from starlette.requests import Request

from edge_agent.serving.drawing import environment
from province.web.forms import here
from province.web.languages import LANGUAGES, Language
from province.web.section import Section, Visit
from province.web.words import WORDS

OWN = "web"
HEADLESS = "headless"  # in a page's address or values: a change stands whose line of the audit log the keystore does not know
SHARED = Path(__file__).parent / "static"
_TYPES = MappingProxyType({
    ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png",
})  # fmt: skip
_ERRORS = frozenset({400, 403, 404, 413, 429, 503})


class Frame:
    """What draws the pages.

    Args:
        sections: the rooms, in the order of the menu.
        province: its name.

    Raises:
        ValueError: two sections have one name or one page.
    """

    def __init__(self, sections: tuple[Section, ...], province: str) -> None:
        self.sections = sections
        _check(sections)
        self._words = {
            language: {OWN: WORDS[language], **{one.name: {**WORDS[language], **one.words[language]} for one in sections}}
            for language in LANGUAGES
        }
        loaders: dict[str, BaseLoader] = {OWN: PackageLoader("province.web", "pages")}
        loaders |= {one.name: PackageLoader(one.package, "pages") for one in sections if one.name != OWN}
        self._templates = environment(PrefixLoader(loaders))
        self._templates.globals.update(province=province)
        self._files = {OWN: SHARED, **{one.name: _folder(one.package) for one in sections}}

    def words(self, section: str, language: Language) -> Mapping[str, str]:
        """A section's words, and the frame's."""
        return self._words[language][section]

    def page(self, request: Request | None, language: Language, visit: Visit | None, template: str, values: Mapping[str, Any]) -> str:
        """A whole page."""
        common = self._common(request, language, visit, template)
        headless = common[HEADLESS] or values.get(HEADLESS, False)
        return self._templates.get_template(template).render(**{**common, **values, HEADLESS: headless})

    def part(self, visit: Visit, template: str, macro: str, /, *arguments: Any) -> str:
        """What one macro of a template makes: a part of a region that follows what happens."""
        module = self._templates.get_template(template).make_module(self._common(None, visit.language, visit, template))
        return str(getattr(module, macro)(*arguments))

    def error(self, language: Language, status: int, why: str = "") -> str:
        """The page for a request that cannot be answered."""
        said = WORDS[language][f"error.{status if status in _ERRORS else 500}"]
        return self.page(None, language, None, "web/error.html", {"said": why or said})

    def file(self, section: str, name: str) -> tuple[Path, str] | None:
        """A static file of a section and its type; None where there is none."""
        folder, kind = self._files.get(section), _TYPES.get(Path(name).suffix)
        if folder is None or kind is None or "/" in name or name.startswith("."):
            return None
        return (folder / name, kind) if (folder / name).is_file() else None

    def _common(self, request: Request | None, language: Language, visit: Visit | None, template: str) -> dict[str, Any]:
        words = self._words[language][template.partition("/")[0]]
        at = "/" if request is None else here(request)
        headless = request is not None and visit is not None and HEADLESS in request.query_params

        def say(key: str, /, **values: object) -> str:
            return words[key].format(**values) if values else words[key]

        other = next(each for each in LANGUAGES if each != language)
        return {
            "t": say, "language": language, "other": other, "other_name": WORDS[other]["language"], "here": at, "visit": visit,
            "menu": [] if visit is None else self._menu(visit), "at": at.partition("?")[0], "markup": Markup,
            HEADLESS: headless,
        }  # fmt: skip

    def _menu(self, visit: Visit) -> list[tuple[str, str]]:
        return [
            (item.path, self._words[visit.language][one.name][item.word])
            for one in self.sections
            for item in one.menu
            if visit.account.role in item.roles
        ]


def _folder(package: str) -> Path:
    return Path(str(files(package))) / "static"


def _check(sections: tuple[Section, ...]) -> None:
    names = [one.name for one in sections]
    pages = [(page.path, method) for one in sections for page in one.pages for method in page.methods]
    pages += [(page.path, method) for one in sections for page in one.open_pages for method in page.methods]
    if len(set(names)) < len(names) or len(set(pages)) < len(pages):
        twice = [str(each) for each in (*names, *pages) if (*names, *pages).count(each) > 1]
        raise ValueError(f"sections of pages: there twice: {', '.join(sorted(set(twice)))}")
