"""What forms of our own pages say: bounded, and never through a file."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from edge_agent.serving.guard import Refused

_MOST_FIELDS = 500


async def read_form(request: Request, most: int = _MOST_FIELDS) -> dict[str, str]:
    """What a form says, whoever sends it; of a field that comes more than once the last. The guard has bounded the body.

    Args:
        request: with the form as its body.
        most: so many fields.

    Raises:
        Refused: it is no form of ours, or not whole.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise Refused(400)
    try:
        pairs = parse_qsl((await request.body()).decode("ascii"), keep_blank_values=True, max_num_fields=most, errors="strict")
    except (ValueError, ClientDisconnect):
        raise Refused(400) from None
    return dict(pairs)
