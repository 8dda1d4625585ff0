"""What can go wrong at the province's end, each with a message that says what to do next."""

from __future__ import annotations


class ProvinceError(Exception):
    """The work could not be done; the message is for people, and holds no person's data."""


class NotAProvince(ProvinceError):
    """The folder was not made by `gate-province init`, or a part of it is missing: a matter of usage (exit code 2)."""


class AlreadyThere(ProvinceError):
    """What should be made exists already (exit code 2)."""
