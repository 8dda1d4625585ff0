"""Templates of pages: whatever is filled in is escaped, what is not there is a fault, and all pages stand in one frame."""

from __future__ import annotations

from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined


def environment(loader: BaseLoader) -> Environment:
    """Where templates are found and how they are filled.

    Args:
        loader: finds a room's own; `serving/frame.html`, which these extend, is there besides. It asks for the texts `named`, `looks` (the
            style sheet) and `script`, for `language`, `other`, `other_name`, `here` (the path behind the language) and the words by `t`.
    """
    frame = PrefixLoader({"serving": PackageLoader("edge_agent.serving", "pages")})
    return Environment(
        loader=ChoiceLoader([frame, loader]), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
