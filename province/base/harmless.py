"""Texts for a spreadsheet that computes nothing of them."""

from __future__ import annotations

_RISKY = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula


def harmless(text: str) -> str:
    """A text that no spreadsheet computes: people's codes and devices say what they like. Source: OWASP "CSV Injection".

    Example:
        >>> harmless("=1+1"), harmless("Nguyễn Văn A")
        ("'=1+1", 'Nguyễn Văn A')
    """
    return f"'{text}" if text.startswith(_RISKY) else text
