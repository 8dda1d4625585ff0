"""Tests each lane's barcode reader: it opens for us alone, and a code comes through it. Not while a gate runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Timer

from drivers.catalogue import check_reader_url, open_reader
from edge_agent.device.settings import LaneSettings
from firmware import sample_code
from firmware.verdict import Finding, fault, guarded, ok

_SCAN_S = 20.0
_INPUTS = Path("/sys/class/input")


def check_reader(lane: LaneSettings, prompt: Callable[[str], None] | None, scan_s: float = _SCAN_S) -> Finding:
    """Whether a reader can be opened for us alone; with a prompt, whether a code comes through it.

    Args:
        lane: whose reader.
        prompt: asks the person at the gate to scan something; None asks nobody.
        scan_s: how long to wait for that.
    """
    part = f'reader of lane "{lane.name}"'
    todo = f"plug the reader in and check the URL {lane.reader!r}; plugged in here: {plugged_in(lane.reader)}"
    return guarded(part, todo, lambda: _try_reader(part, lane, prompt, scan_s))


def _try_reader(part: str, lane: LaneSettings, prompt: Callable[[str], None] | None, scan_s: float) -> Finding:
    with closing(open_reader(lane.reader)) as reader:
        if prompt is None:
            return ok(part, _what_opening_told(lane.reader))
        prompt(f'lane "{lane.name}": scan any code now, best the test code (gate-firmware test-code) ({scan_s:g} s)')
        timer = Timer(scan_s, reader.close)
        timer.daemon = True
        timer.start()
        try:
            line = next(iter(reader.lines()), None)
        finally:
            timer.cancel()
            timer.join(2.0)  # if it is closing the port just now: others may open it when that is done
        refused = sum(reader.refused().values())
    if line is not None and line.data == sample_code.TEXT.encode():
        return ok(part, "opens; the test code came whole")
    if line is not None:
        return ok(part, f"opens; a code of {len(line.data)} bytes came")
    if refused:
        return fault(part, f"opens; {refused} lines came that are no text", "check its baud rate, and that it sends UTF-8")
    return fault(part, f"opens, but no code came within {scan_s:g} s", "check that it is set to USB virtual COM with CR or LF at the end")


def _what_opening_told(url: str) -> str:
    """A module is asked when it is opened; any other reader only speaks when it has read."""
    module = str(check_reader_url(url).arguments.get("module", "none"))
    if module == "none":
        return "opens; nothing was asked of it: --ask tests it with a code"
    return f"opens; the module ({module}) answers and is set; no code was asked for: --ask tests it with one"


def plugged_in(url: str, inputs: Path = _INPUTS) -> str:
    """What a reader could be meant by, as far as the system sees it: serial ports with what is behind them, or devices with keys."""
    if url.startswith("hid:"):
        return ", ".join(_with_keys(inputs)) or "no input device with keys"
    from serial.tools import list_ports  # noqa: PLC0415 - only a gate with a serial reader needs it

    ports = [f"{port.device} ({port.product})" if port.product else port.device for port in list_ports.comports()]
    return ", ".join(sorted(ports)) or "no serial port"


def _with_keys(inputs: Path) -> Iterator[str]:
    for event in sorted(inputs.glob("event*")):
        try:
            if (event / "device/capabilities/key").read_text("ascii").strip("0 \n"):
                name = (event / "device/name").read_text("utf-8", errors="replace").strip()
                vendor, product = ((event / "device/id" / part).read_text("ascii").strip() for part in ("vendor", "product"))
                yield f"hid:{vendor}:{product} ({name}, /dev/input/{event.name})"
        except OSError:  # unplugged meanwhile
            continue
