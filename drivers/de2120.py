"""The serial commands of the DYScan DE2120 that change nothing in it: "read now" and "stop reading".

Source: the command list of SparkFun's 2D Barcode Scanner Breakout (DE2120) and Soldered's DE2120 documentation: `^_^` + command + `.`,
answered by ACK (0x06) or NACK (0x15). Its settings have no form that is forgotten at power-off and cannot be asked for, so that setting
them at each start would wear its flash: they are set once, with the codes of its manual (decision 0031).
"""

from __future__ import annotations

from collections.abc import Generator

from drivers.scanner_module import Command

ACK, NACK = b"\x06", b"\x15"


def command(name: str) -> bytes:
    """A command on the wire.

    Example:
        >>> command("SCAN")
        b'^_^SCAN.'
    """
    return b"^_^" + name.encode("ascii") + b"."


class De2120:
    """A module of that kind.

    Args:
        trigger: `continuous` sends "read now" again after each code and each silence; `host` when asked to.
    """

    name = "DE2120"
    scan = command("SCAN")

    def __init__(self, trigger: str) -> None:
        self.keep_scanning = trigger == "continuous"

    def setup(self) -> Generator[Command, bytes, None]:
        """Any answer proves that it is there; asked its version it would send a line."""
        yield Command(command("SLEEP"), "stop reading")

    def cut_answer(self, data: bytes) -> tuple[bytes | None, bytes]:
        """The first ACK or NACK."""
        for place in range(len(data)):
            if data[place : place + 1] in {ACK, NACK}:
                return data[place : place + 1], data[:place] + data[place + 1 :]
        return None, data

    def without_answers(self, data: bytes) -> bytes:
        """The stream without ACK and NACK, which no text holds."""
        return data.translate(None, ACK + NACK)
