"""Throws bytes at the way from a code to a person, guided by coverage: `make fuzz`, bounded in time and memory.

Two targets: `person` (the bytes a reader sends, or a decoded code) and `frame` (any bytes as a frame of any size). A crash, a hang of
5 s or more than the memory allowed ends the run with the input that did it, written beside.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

import atheris  # noqa: E402 - the path above comes first

with atheris.instrument_imports(include=["firmware"]):
    import numpy as np

    from firmware.codes import PassCode, sort_code
    from firmware.decoder import Decoder
    from firmware.health_pass import TrustList, base45, read_pass
    from firmware.health_pass.answer import SIGNED
    from firmware.health_pass.claims import read_claims
    from firmware.person_codes import Person, write_person

_SEEDS = (
    "001099012345||Nguyễn Văn A|15031999|Nam||10052021".encode(),
    b"001093029317|NGUYEN LE KHA HAN|1993-01-18|0|162979388586171100|<1<DN4010000000000<0100123456<sig",
    b"HC1:6BF",
    b"DN4010000000000|4e677579e1bb856e|18/01/1993|1|-|-|-|-|-|-|4|-|-|-|$",
    b"HC1:" + base45.encode(zlib.compress(b"\xd2\x84\x4d\xa2\x01\x26\x04\x4812345678\xa0\x41\xa0\x41\x00")).encode(),
    b"GATE1:S:ABC",
    b"WIFI:T:WPA;S:cho;P:mat|khau;;",
    b"\x08\x08" + bytes(range(64)),
)


def person(data: bytes) -> None:
    """The bytes of a code are sorted; a person can be written and read again; no pass is believed without a signer."""
    someone = sort_code(data)
    _a_pass("HC1:" + base45.encode(zlib.compress(data, 1)))  # so that the fuzzer also works on what a pass is packed in
    with suppress(ValueError):
        read_claims(data)  # and on what a good signature would cover
    if isinstance(someone, PassCode):
        _a_pass(someone.text)
    if not isinstance(someone, Person):
        repr(someone)
        return
    try:
        text = write_person(someone)
    except ValueError:  # what was read forgivingly cannot always be written
        return
    again = sort_code(text.encode())
    if not isinstance(again, Person) or again.id_number != someone.id_number:
        raise AssertionError("written and read again, it is somebody else")


def _a_pass(text: str) -> None:
    shown = read_pass(text, TrustList({}), wall_ms=0)
    if shown.answer in SIGNED or shown.name is not None:
        raise AssertionError("a pass that nobody signed was believed")


def frame(data: bytes) -> None:
    """Whatever the frame, a look ends; what it decodes goes on to `person`."""
    if len(data) < 3:
        return
    width, skip, pixels = data[0] + 1, data[1] % 3 + 1, data[2:]
    height = max(1, len(pixels) // width)
    grey = np.resize(np.frombuffer(pixels, np.uint8), (height, width))[:, ::skip]
    decoder = Decoder(skip_unchanged=False)
    for _ in range(3):
        for one in decoder.look(grey).decoded:
            person(one.text.encode())


TARGETS: dict[str, Callable[[bytes], None]] = {"person": person, "frame": frame}


def main() -> None:
    """Runs one target until its time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(_SEEDS):
            (Path(corpus) / str(number)).write_bytes(seed)
        limits = [
            f"-max_total_time={args.seconds}",
            "-timeout=5",
            "-rss_limit_mb=600",
            "-max_len=9000",
            "-verbosity=0",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={ROOT}/fuzz-{args.target}-", corpus], TARGETS[args.target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
