"""A province at its size: `make province ENTRIES=10000000 DB=postgresql`.

Founds a province of as many sites as have so many entries in three weeks, lets invented people live in it, loads their passages (100 000
of them sealed, signed, verified, opened and stored as from scanners, the others in the form in which the register keeps them), and measures
what is asked of such a register every day. With `--keep DIR` the loaded province stays, and is measured again in seconds. With `--growth`
the figures are noted beside those of other sizes, and hw_docs/pictures/province.svg is drawn from them.

A measure is a file in tests/size/measures with a function `measure(world: World) -> list[Measure]`; `DESTROYS = True` in it says that it
runs last, and not on a kept province unless named; `ONLY_NAMED = True` that it runs only then. What it may use is in size_world.py.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(HERE), str(ROOT / "tests/bench"), str(ROOT / "tests/province")]

import size_bulk  # noqa: E402 - the path above comes first
import size_real  # noqa: E402 - the same
import size_registry  # noqa: E402 - the same
from measures import Measure, table, told  # noqa: E402 - the same
from size_chart import draw, noted  # noqa: E402 - the same
from size_living import Spec  # noqa: E402 - the same
from size_world import POSTGRESQL, SQLITE, World, WrongWorld, open_world  # noqa: E402 - the same

_REAL = 100_000
_SMALL = 20_000
_PICTURE = ROOT / "hw_docs/pictures/province.svg"
_FIGURES = _PICTURE.with_suffix(".json")


@dataclass(frozen=True, slots=True)
class Part:
    """A file of tests/size/measures."""

    name: str
    measure: Callable[[World], list[Measure]]
    destroys: bool
    only_named: bool


def parts() -> list[Part]:
    """All, what destroys something last."""
    found = []
    for file in sorted((HERE / "measures").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"measures_{file.stem}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # where dataclasses look for it
        spec.loader.exec_module(module)
        found.append(Part(file.stem, module.measure, getattr(module, "DESTROYS", False), getattr(module, "ONLY_NAMED", False)))
    return sorted(found, key=lambda part: part.destroys)


def load(world: World, real: int) -> dict[str, float]:
    """Fills a new province, so many of its entries the real way, and says at which rates."""
    size_registry.register(world)
    bulk = max(0, world.spec.entries - real)
    people, sites = len(world.people), len(world.places)
    world.say(f"{world.spec.entries:,} passages of {people:,} people at {sites:,} sites, {len(world.rows.scanners):,} scanners")
    rates = {"in the register's form": size_bulk.load(world, bulk)} if bulk else {}
    return rates | {"the real way, one process": size_real.load(world, bulk)}


def _arguments() -> argparse.Namespace:
    names = ", ".join(part.name for part in parts())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=_SMALL, help="how many (default: %(default)s)")
    parser.add_argument("--database", choices=(SQLITE, POSTGRESQL), default=SQLITE, help="where the register is (default: %(default)s)")
    parser.add_argument("--real", type=int, default=_REAL, help="so many of them the real way (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other people (default: %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the province stays; loaded already, it is only measured")
    parser.add_argument("--measures", metavar="NAME", nargs="*", help=f"only these of {names}; none: only load")
    parser.add_argument("--growth", action="store_true", help="note the figures, and draw the picture of growth")
    return parser.parse_args()


def _chosen(given: argparse.Namespace) -> list[Part]:
    if given.measures is None:
        return [part for part in parts() if not part.only_named and not (part.destroys and given.keep)]
    return [part for part in parts() if part.name in given.measures]


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="gate-province-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def main() -> int:
    """Loads and measures; 1 when a bar was missed."""
    given = _arguments()
    for asked_to_end in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: the server ends with it
        signal.signal(asked_to_end, signal.default_int_handler)
    began_s = time.monotonic()

    def say(word: str) -> None:
        print(f"{time.monotonic() - began_s:6.0f} s  {word}", flush=True)

    found: list[Measure] = []
    with _folder(given.keep) as folder:
        try:
            with open_world(folder, Spec(given.entries, given.seed), given.database, say, partial(load, real=given.real)) as world:
                found += [told(f"loaded {name}", rate, "entries a second") for name, rate in world.rates.items()]
                for part in _chosen(given):
                    say(f"measuring: {part.name}")
                    found += part.measure(world)
        except WrongWorld as error:
            print(error, file=sys.stderr)
            return 2
    print(f"\n{given.entries:,} entries, {given.database}\n{table(found)}")
    if given.growth:
        _FIGURES.write_text(noted(_FIGURES, given.entries, given.database, found), encoding="utf-8")
        _PICTURE.write_text(draw(json.loads(_FIGURES.read_text("utf-8"))), encoding="utf-8")
    return 1 if any(one.holds is False for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
