"""Makes, writes, cuts, renames, links and deletes files at random in a folder; the model of a disk must come to the same."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path


def write_somewhere(file: Path, chance: random.Random) -> None:
    """One file opened and written to, perhaps cut, perhaps fsynced."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | (os.O_TRUNC if chance.random() < 0.2 else 0), 0o600)
    os.pwrite(descriptor, chance.randbytes(chance.randrange(1, 3000)), chance.randrange(5000))
    if chance.random() < 0.3:
        os.fsync(descriptor)
    if chance.random() < 0.2:
        os.ftruncate(descriptor, chance.randrange(4000))
    os.write(descriptor, b"from the start")
    os.close(descriptor)


def main() -> None:
    """Works in the folder named on the command line."""
    root, chance = Path(sys.argv[1]), random.Random(3)
    names = [f"{folder}{letter}" for folder in ("", "f/") for letter in "abcd"]
    (root / "f").mkdir()
    for _ in range(400):
        name, other = (root / chance.choice(names) for _ in range(2))
        match chance.randrange(7):
            case 0 | 1 | 2:
                write_somewhere(name, chance)
            case 3 if name.exists():
                name.rename(other)
            case 4 if name.exists() and not other.exists():
                os.link(name, other)
            case 5 if name.exists() and chance.random() < 0.3:
                name.unlink()
            case _:
                descriptor = os.open(root, os.O_RDONLY)
                os.fsync(descriptor)
                os.close(descriptor)


if __name__ == "__main__":
    main()
