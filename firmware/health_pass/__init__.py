"""Signed health passes (`HC1:`), verified offline against a file of trusted issuers. Pure but for reading that file: time is passed in."""

from __future__ import annotations

from firmware.health_pass.answer import SIGNED, PassAnswer, ShownPass
from firmware.health_pass.reading import PREFIX, read_pass
from firmware.health_pass.trust_list import TrustList, TrustListError, load_trust_list, parse_trust_list

__all__ = [
    "PREFIX",
    "SIGNED",
    "PassAnswer",
    "ShownPass",
    "TrustList",
    "TrustListError",
    "load_trust_list",
    "parse_trust_list",
    "read_pass",
]
