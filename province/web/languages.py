"""The languages of the pages: Vietnamese first."""

from __future__ import annotations

from typing import Literal, TypeAlias

Language: TypeAlias = Literal["vi", "en"]
LANGUAGES: tuple[Language, Language] = ("vi", "en")
