"""What a person's code says about its holder, and nothing more than tracing needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Sex = Literal["male", "female"]
DeclaredBy = Literal["self", "other"]


class Scheme(StrEnum):
    """Which family of codes a person came from. All are claims: none carries a signature, so none proves who holds it."""

    NATIONAL = "national"  # Decision 1405/QĐ-BTTTT, on a phone or on paper
    CCCD = "cccd"  # the chip citizen ID card, and VNeID where it shows the same
    BHYT = "bhyt"  # the health insurance card, and VssID
    PAPER = "paper"  # no code at all: declared on paper, typed in by the keeper


class WarningCode(StrEnum):
    """What is odd about a code that was accepted all the same."""

    PROVINCE_UNKNOWN = "province-unknown"  # the number's first three digits name no province
    SEX_MISMATCH = "sex-mismatch"  # the number says another sex than the code
    YEAR_MISMATCH = "year-mismatch"  # the number says another century or year of birth than the code
    BORN_AFTER_ISSUE = "born-after-issue"  # the card says it was issued before its holder was born
    HIDDEN_VALUES = "hidden-values"  # part of it is covered by `*`; a covered birth date is None
    OLD_ID_IGNORED = "old-id-ignored"  # the old number is no 9 or 12 digits
    EXTENSION_IGNORED = "extension-ignored"  # a part of the national code's extension was not understood


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """Someone as their code names them: a claim, bounded so that the record of it fits 1 kB.

    The address is left out on purpose: no tracing needs it, so no gate collects it. The proxy's number and the
    e-signature of the national code are left out for the same reason. `repr` shows no personal data, so a Person
    that strays into a log line or an exception gives nobody away.

    Attributes:
        scheme: the family of codes it came from.
        id_number: the number that names the holder, as text (leading zeros count): 12-digit citizen number, 9-digit old
            number, passport, or from an insurance card the 10-digit social insurance number. Their forms differ, so no two
            kinds are ever equal. May be covered in part by `*`.
        old_id: the 9-digit number the citizen number replaced, if the card says it.
        name: as the code writes it, NFC, 1 to 100 characters.
        birth_date: ISO `YYYY-MM-DD`, always a day of the calendar, or `YYYY` where an insurance card says no more; None if
            covered by `*`.
        sex: None if unknown.
        phone: digits, perhaps with a leading `+`.
        card_number: of the health insurance card, as written on it.
        qid: the national code's own number.
        declared_by: who filled in the national code.
        warnings: what is odd about the code, `WarningCode` values.

    Example:
        >>> Person(Scheme.CCCD, "001099012345", "Nguyễn Văn A", "1999-03-15", "male")
        Person(scheme=cccd, warnings=[])
    """

    scheme: Scheme
    id_number: str
    name: str
    birth_date: str | None
    sex: Sex | None
    old_id: str | None = None
    phone: str | None = None
    card_number: str | None = None
    qid: str | None = None
    declared_by: DeclaredBy | None = None
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Person(scheme={self.scheme}, warnings=[{', '.join(self.warnings)}])"
