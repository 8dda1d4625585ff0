"""What a 12-digit citizen number says by itself, compared with what the code says beside it.

3 digits of province, 1 of century and sex (0/1 the 1900s male/female, 2/3 the 2000s, and so on), 2 of the year of
birth, 6 of serial. The rule lapsed in 2024, so a difference is a warning, never a refusal.
"""

from __future__ import annotations

from .fields import is_citizen_number
from .person import Sex, WarningCode

_PROVINCE_CODES = (
    "001 002 004 006 008 010 011 012 014 015 017 019 020 022 024 025 026 027 030 031 033 034 035 036 037 038 040 042 044 045 046 048 "
    "049 051 052 054 056 058 060 062 064 066 067 068 070 072 074 075 077 079 080 082 083 084 086 087 089 091 092 093 094 095 096"
)
_PROVINCES = frozenset(_PROVINCE_CODES.split())


def provinces() -> tuple[str, ...]:
    """Returns the 63 province codes of the numbers given out until 2024, in order."""
    return tuple(_PROVINCE_CODES.split())


def disagreements(id_number: str, birth_date: str | None, sex: Sex | None) -> tuple[WarningCode, ...]:
    """Returns what in a citizen number differs from the birth date (ISO) and sex beside it.

    Numbers of other forms and numbers covered by `*` say nothing, so nothing differs.

    Example:
        >>> disagreements("001099012345", "1999-03-15", "male")
        ()
        >>> [str(code) for code in disagreements("001099012345", "2001-03-15", "female")]
        ['sex-mismatch', 'year-mismatch']
    """
    if not is_citizen_number(id_number):
        return ()
    century_and_sex = int(id_number[3])
    year = 1900 + 100 * (century_and_sex // 2) + int(id_number[4:6])
    number_sex: Sex = "female" if century_and_sex % 2 else "male"
    found = []
    if id_number[:3] not in _PROVINCES:
        found.append(WarningCode.PROVINCE_UNKNOWN)
    if sex is not None and sex != number_sex:
        found.append(WarningCode.SEX_MISMATCH)
    if birth_date is not None and int(birth_date[:4]) != year:
        found.append(WarningCode.YEAR_MISMATCH)
    return tuple(found)
