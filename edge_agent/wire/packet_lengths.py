"""Ends a connection over which a packet is announced that nobody here has a use for, before its body takes memory.

The link speaks MQTT 3.1.1, in which a client cannot say how large a packet may be (MQTT 5 can: "Maximum Packet Size", section 3.1.2.11.4),
and who means harm would not keep to it. paho allocates what is announced, up to 256 MB; so we read the lengths along with it.
"""

from __future__ import annotations

import ssl

MAX_PACKET_BYTES = 256 * 1024  # the largest message there is, a keyring in an answer, has 144 kB
_MORE, _LENGTH_BITS = 0x80, 7
_LAST_SHIFT = 3 * _LENGTH_BITS


class PacketTooLarge(ConnectionError):
    """A packet of more bytes than anybody should send us, or with a length that is none."""


class PacketLengths:
    r"""Follows a stream of MQTT packets by their fixed headers (MQTT 3.1.1, section 2.2).

    Args:
        max_bytes: how long the rest of a packet, behind its fixed header, may be.

    Example:
        >>> lengths = PacketLengths(200)
        >>> lengths.take(b"\xd0\x00" b"\x30\x02ab" b"\x30\xc8\x01")
        >>> lengths.take(bytes(200) + b"\x30\xc9\x01")
        Traceback (most recent call last):
        edge_agent.wire.packet_lengths.PacketTooLarge: a packet of 201 bytes or more, at most 200 are taken
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._body_left = 0
        self._length = 0
        self._shift: int | None = None  # of the length's next byte; None before a packet's first byte

    def take(self, received: bytes) -> None:
        """Goes on by what has come.

        Raises:
            PacketTooLarge: a packet begins that is longer than allowed.
        """
        at = 0
        while at < len(received):
            if self._body_left:
                here = min(self._body_left, len(received) - at)
                self._body_left -= here
                at += here
                continue
            self._take_header(received[at])
            at += 1

    def _take_header(self, byte: int) -> None:
        if self._shift is None:
            self._length, self._shift = 0, 0
            return
        self._length |= (byte & ~_MORE) << self._shift
        if self._length > self._max_bytes or (byte & _MORE and self._shift == _LAST_SHIFT):
            raise PacketTooLarge(f"a packet of {self._length} bytes or more, at most {self._max_bytes} are taken")
        self._shift += _LENGTH_BITS
        if not byte & _MORE:
            self._body_left, self._shift = self._length, None


class WatchedStream(ssl.SSLSocket):
    """A TLS connection on which no packet is received that is too large; for `SSLContext.sslsocket_class`.

    Attributes:
        too_large: what was announced, empty while nothing was.
    """

    too_large = ""
    _lengths: PacketLengths | None = None  # the standard library makes the object without its `__init__`

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """As a socket's.

        Raises:
            PacketTooLarge: a packet begins that is longer than allowed.
        """
        received = super().recv(buflen, flags)
        if self._lengths is None:
            self._lengths = PacketLengths(MAX_PACKET_BYTES)
        try:
            self._lengths.take(received)
        except PacketTooLarge as error:
            self.too_large = str(error)
            raise
        return received
