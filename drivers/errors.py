"""What can go wrong with a device, each error saying which device and what to do next."""

from __future__ import annotations


class DriverError(Exception):
    """A device does not do its work; the message names it and says what to do next."""


class BadUrl(DriverError):
    """The URL names no driver of ours or an option it does not have: a configuration error, retrying cannot help."""


class Unavailable(DriverError):
    """The device cannot be opened now (absent, busy, no permission, missing library); retrying may help."""


class Unplugged(DriverError):
    """The device was open and went away; reopening it is the cure."""


class Stalled(DriverError):
    """The device is there but delivers nothing any more; recreating it is the cure."""
