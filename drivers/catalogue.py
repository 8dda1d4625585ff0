"""Opens a device by its URL; importing this loads no device library, opening loads just the one needed.

Example:
    >>> check_indicator_url("gpio:?green=17&red=17")
    Traceback (most recent call last):
    drivers.errors.BadUrl: 'gpio:?green=17&red=17': red='17' is not allowed, pin 17 is already given to green: give each part its own pin
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from drivers import fittings, schemes, urls

if TYPE_CHECKING:  # camera.py needs numpy, which a mere check of the settings does not
    from drivers.barrier import Barrier
    from drivers.camera import Camera
    from drivers.display import Display
    from drivers.indicator import Indicator
    from drivers.line_reader import LineReader
    from drivers.position import PositionSource
    from drivers.switch import Switch


class Closable(Protocol):
    """What every driver is."""

    def close(self) -> None:
        """Releases the device."""


def check_camera_url(url: str) -> urls.DriverUrl:
    """Understands a camera URL without touching any hardware.

    Raises:
        BadUrl: something in it is wrong; the message names everything that is.
    """
    return urls.parse(url, schemes.CAMERAS, "camera")


def check_reader_url(url: str) -> urls.DriverUrl:
    """Understands a reader URL without touching any hardware; raises `BadUrl` as `check_camera_url` does."""
    return urls.parse(url, schemes.READERS, "reader")


def check_indicator_url(url: str) -> urls.DriverUrl:
    """Understands an indicator URL without touching any hardware; raises `BadUrl` as `check_camera_url` does."""
    return urls.parse(url, schemes.INDICATORS, "indicator")


def check_barrier_url(url: str) -> urls.DriverUrl:
    """Understands a barrier URL without touching any hardware; raises `BadUrl` as `check_camera_url` does."""
    return urls.parse(url, fittings.BARRIERS, "barrier")


def check_display_url(url: str) -> urls.DriverUrl:
    """Understands a display URL without touching any hardware; raises `BadUrl` as `check_camera_url` does."""
    return urls.parse(url, fittings.DISPLAYS, "display")


def check_switch_url(url: str) -> urls.DriverUrl:
    """Understands a switch URL without touching any hardware; raises `BadUrl` as `check_camera_url` does."""
    return urls.parse(url, fittings.SWITCHES, "switch")


def check_position_url(url: str) -> urls.DriverUrl:
    """Understands a position URL without touching any hardware; raises `BadUrl` as `check_camera_url` does."""
    return urls.parse(url, fittings.POSITIONS, "position")


def open_camera(url: str) -> Camera:
    """Opens a camera.

    Raises:
        BadUrl: the URL is wrong; retrying cannot help.
        Unavailable: the device or its library is not there now.
    """
    return cast("Camera", _open(check_camera_url(url)))


def open_reader(url: str) -> LineReader:
    """Opens a barcode reader; raises `BadUrl` and `Unavailable` as `open_camera` does."""
    return cast("LineReader", _open(check_reader_url(url)))


def open_indicator(url: str) -> Indicator:
    """Opens a light and sound; raises `BadUrl` and `Unavailable` as `open_camera` does."""
    return cast("Indicator", _open(check_indicator_url(url)))


def open_barrier(url: str) -> Barrier:
    """Opens a door, flap or turnstile; raises `BadUrl` and `Unavailable` as `open_camera` does."""
    return cast("Barrier", _open(check_barrier_url(url)))


def probe_barrier(url: str) -> Closable:
    """Takes what a barrier hangs on without moving it, for a test; raises `BadUrl` and `Unavailable` as `open_camera` does."""
    understood = check_barrier_url(url)
    return cast("Closable", _factory(understood).probe(**understood.arguments))


def open_display(url: str) -> Display:
    """Opens a small display; raises `BadUrl` and `Unavailable` as `open_camera` does."""
    return cast("Display", _open(check_display_url(url)))


def open_switch(url: str) -> Switch:
    """Opens a contact; raises `BadUrl` and `Unavailable` as `open_camera` does."""
    return cast("Switch", _open(check_switch_url(url)))


def open_position(url: str) -> PositionSource:
    """Opens a source of positions; raises `BadUrl` and `Unavailable` as `open_camera` does."""
    return cast("PositionSource", _open(check_position_url(url)))


def describe() -> str:
    """Every scheme with its options, as plain text for `--help` and the docs."""
    blocks: list[str] = []
    for title, group in schemes.groups():
        blocks.append(f"{title}\n" + "\n".join(_describe_scheme(scheme) for scheme in group))
    return "\n\n".join(blocks)


def _describe_scheme(scheme: urls.Scheme) -> str:
    lines = [f"  {scheme.example}", f"      {scheme.doc}"]
    for option in scheme.options:
        lines.append(f"      {option.name:<12} {option.doc}")
        lines.append(f"      {'':<12} {option.allowed()} (default {_as_written(option.default)})")
    return "\n".join(lines)


def _as_written(value: urls.Value) -> str:
    if isinstance(value, tuple):
        return f"{value[0]}x{value[1]}"
    if isinstance(value, bool):
        return str(int(value))
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _open(url: urls.DriverUrl) -> Any:
    return _factory(url)(**url.arguments)


def _factory(url: urls.DriverUrl) -> Any:
    module, _, factory = url.scheme.factory.partition(":")
    return getattr(import_module(module), factory)
