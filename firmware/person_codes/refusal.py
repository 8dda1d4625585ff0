"""Why a text is not a person's code, said without repeating the text."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """What stopped a text from being a person's code."""

    EMPTY = "empty"
    TOO_LONG = "too-long"
    NOT_UTF8 = "not-utf-8"
    UNKNOWN_FORMAT = "unknown-format"
    BAD_ID_NUMBER = "bad-id-number"
    BAD_CARD_NUMBER = "bad-card-number"
    BAD_NAME = "bad-name"
    BAD_DATE = "bad-date"
    BAD_SEX = "bad-sex"
    BAD_DECLARATION = "bad-declaration"
    BAD_QID = "bad-qid"


_MESSAGES = {
    Reason.EMPTY: "there is no text: show the code again",
    Reason.TOO_LONG: "the text is longer than any person's code: show the code of one person",
    Reason.NOT_UTF8: "the bytes are not UTF-8 text: set the barcode reader to send UTF-8 unchanged",
    Reason.UNKNOWN_FORMAT: "the text has the form of no person's code we know: show the national code, the ID card or the insurance card",
    Reason.BAD_ID_NUMBER: "the identity number is no citizen number (12 digits), old number (9 digits) or passport",
    Reason.BAD_CARD_NUMBER: "the insurance card number is not 15 characters (two letters, 13 digits), 10 digits or 12 digits",
    Reason.BAD_NAME: "the name is empty, over 100 characters, without a letter or holds control characters",
    Reason.BAD_DATE: "a date is not a day of the calendar in the form this code uses",
    Reason.BAD_SEX: "the sex is none that this code uses",
    Reason.BAD_DECLARATION: "the kind of declaration is neither 0 (by oneself) nor 1 (by another)",
    Reason.BAD_QID: "the code's own number (QID) is not 1 to 40 letters, digits or dashes",
}


class NotAPersonCode(Exception):
    """The text is not a person's code. The message never holds any of the text, so it may be logged.

    Args:
        reason: what stopped it.

    Example:
        >>> str(NotAPersonCode(Reason.EMPTY))
        'empty: there is no text: show the code again'
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"{reason}: {_MESSAGES[reason]}")
        self.reason = reason

    def __reduce__(self) -> tuple[type[NotAPersonCode], tuple[Reason]]:
        # Exception would be rebuilt from its message; ours is rebuilt from its reason.
        return NotAPersonCode, (self.reason,)
