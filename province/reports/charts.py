"""Draws how far something has come against the targets: a bar as SVG, whose numbers stand beside it as text. Pure.

No script and no style of its own: classes of the page's style sheet, so that the strict content policy holds and both colour schemes work.
"""

from __future__ import annotations

from province.reports.coverage import TARGETS, Share

_HEIGHT = 14


def bar(share: Share) -> str:
    """A bar from 0 to 100 %, with a mark at each target; empty where nobody knows the whole.

    Example:
        >>> bar(Share(1, None))
        ''
    """
    if share.percent is None:
        return ""
    marks = "".join(f'<path class="target" d="M{target} 0V{_HEIGHT}"/>' for target in TARGETS)
    reached = f"reached-{share.reached or 0}"
    return (
        f'<svg class="progress {reached}" viewBox="-1 0 102 {_HEIGHT}" aria-hidden="true" focusable="false" preserveAspectRatio="none">'
        f'<rect class="whole" width="100" height="{_HEIGHT}"/><rect class="part" y="3" width="{min(share.percent, 100):.1f}"'
        f' height="{_HEIGHT - 6}"/>{marks}</svg>'
    )
