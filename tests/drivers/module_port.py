"""Scanner modules on a pseudo terminal that behave as their manuals say: zone bits in memory and in flash, ACK and NACK."""

from __future__ import annotations

import re
import threading
from abc import ABC, abstractmethod
from binascii import crc_hqx
from collections.abc import Mapping
from pathlib import Path

from pty_port import PtyPort

FACTORY_SETTINGS = 0xD4  # manual reading with all lamps and the beep


class ModulePort(PtyPort, ABC):
    """Answers commands in a thread of its own; `deaf` answers none."""

    def __init__(self, link: Path | None = None, *, deaf: bool = False) -> None:
        self.deaf = deaf
        self.heard: list[bytes] = []
        self.changed = threading.Condition()
        super().__init__(link)

    def unplug(self) -> None:
        self.leave()
        self._thread.join(5)
        super().unplug()

    def replug(self) -> None:
        super().replug()
        self._thread = threading.Thread(target=self._obey, daemon=True)
        self._thread.start()

    def wait_until(self, done: object) -> bool:
        with self.changed:
            return self.changed.wait_for(done, 5)  # type: ignore[arg-type]

    def _obey(self) -> None:
        while data := self.receive():
            answer = b"" if self.deaf else self.answer(data)
            with self.changed:
                self.heard.append(data)
                self.changed.notify_all()
            if answer:
                self.send(answer)

    @abstractmethod
    def answer(self, data: bytes) -> bytes:
        """What the module sends back to what it just heard; nothing when it keeps still."""


class Gm65Port(ModulePort):
    """Zone bits; `flash` holds what outlives `power_cycle`. `noise` comes before each answer, `fixed_sum` is a habit of some modules.

    `scanned_in` is what somebody set it to with the codes of its manual, and saved.
    """

    LINE_ENDS = (b"\r", b"\r\n", b"\t", b"")

    def __init__(
        self,
        link: Path | None = None,
        *,
        deaf: bool = False,
        noise: bytes = b"",
        fixed_sum: bool = False,
        scanned_in: Mapping[int, int] | None = None,
    ) -> None:
        self.zones = {0x0000: FACTORY_SETTINGS, 0x0002: 0, 0x000D: 0xA0, 0x0060: 0x01, **(scanned_in or {})}
        self.flash = dict(self.zones)
        self.flash_writes = 0
        self.unknown: set[int] = set()
        self.wrong_sums_to_send = 0
        self.noise, self.fixed_sum = noise, fixed_sum
        super().__init__(link, deaf=deaf)

    def show(self, code: bytes) -> bytes:
        """Reads a code as it is set, and returns what it sent: nothing when its codes go to its USB plug."""
        added = self.zones[0x0060]
        end = self.LINE_ENDS[added >> 5 & 0b11] if added & 0b1 else b""
        sent = (b"Q" if added & 0b100 else b"") + code + end if self.zones[0x000D] & 0b11 == 0b00 else b""
        self.send(sent)
        return sent

    def power_cycle(self) -> None:
        self.zones = dict(self.flash)

    def answer(self, data: bytes) -> bytes:
        return b"".join(
            self.noise + self._one(found[1], found[2]) for found in re.finditer(rb"\x7e\x00([\x07-\x09]\x01...)(..)", data, re.DOTALL)
        )

    def _one(self, body: bytes, check_sum: bytes) -> bytes:
        address, value = int.from_bytes(body[2:4], "big"), body[4]
        if crc_hqx(body, 0).to_bytes(2, "big") != check_sum and check_sum != b"\xab\xcd":
            return self._reply(1, 0)
        if address in self.unknown:
            return self._reply(3, 0)
        if body[0] == 0x07:
            return self._reply(0, self.zones[address])
        if body[0] == 0x08:
            self.zones[address] = value
        else:
            self.flash = dict(self.zones)
            self.flash_writes += 1
        return self._reply(0, 0)

    def _reply(self, kind: int, value: int) -> bytes:
        if self.wrong_sums_to_send:
            self.wrong_sums_to_send -= 1
            kind, value = 1, 0
        body = bytes([kind, 0x01, value])
        return b"\x02\x00" + body + (b"\x33\x31" if self.fixed_sum else crc_hqx(body, 0).to_bytes(2, "big"))


class De2120Port(ModulePort):
    """Commands as text; every setting goes to flash at once, as this module does it."""

    def __init__(self, link: Path | None = None, *, deaf: bool = False) -> None:
        self.flash_writes = 0
        self.scans = 0
        super().__init__(link, deaf=deaf)

    def answer(self, data: bytes) -> bytes:
        replies = b""
        for name in re.findall(rb"\^_\^([A-Z0-9]+)\.", data):
            if name == b"SCAN":
                self.scans += 1
                replies += b"\x06"
            elif re.fullmatch(rb"(SCM|AIMENA|LAMENA).*", name):
                self.flash_writes += 1
                replies += b"\x06"
            else:
                replies += b"\x15"
        return replies
