"""What a checkpoint's board says large of a passage: the health pass's result, as the entry has it. Pure."""

from __future__ import annotations

from enum import StrEnum


class Tone(StrEnum):
    """How an answer looks; a shape and a word stand beside each colour."""

    GOOD = "good"
    LOOK = "look"  # the keeper has to look
    NONE = "none"  # nothing was asked for


# As a passage's record names them: firmware.health.PassResult. One that is not here came from a newer scanner, and needs a look.
RESULTS = (
    "valid", "expired", "not-yet-valid", "issuer-unknown", "bad-signature", "malformed", "clock-unknown", "other-person", "not-shown",
)  # fmt: skip


def tone_of(health: str | None) -> Tone:
    """How the result of a pass is to be taken.

    Example:
        >>> [str(tone_of(health)) for health in ("valid", "expired", None, "of a newer scanner")]
        ['good', 'look', 'none', 'look']
    """
    if health is None:
        return Tone.NONE
    return Tone.GOOD if health == "valid" else Tone.LOOK


def word_of(health: str | None) -> str:
    """The key of its words."""
    return "health.none" if health is None else f"health.{health}" if health in RESULTS else "health.other"
