"""Bytes flipped, zeroed or cut off anywhere in an outbox: salvage keeps every entry that is whole, and says how many are not."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st
from outbox_world import ROOMY
from sealed_examples import DEVICE_PUBLIC, sealed_at
from spoiled_outbox import SIDES, SPOILS, Made, outbox_of, unharmed

from edge_agent.store.forwarder import Forwarder
from edge_agent.store.recorder import Recorder
from edge_agent.store.salvage import salvage
from edge_agent.wire.envelope import envelope_hash, peek
from edge_agent.wire.receipt import Range, Status

# entries, how many of them are folded into the file, how many the province has receipted since
SHAPES = [(260, 0, 0), (260, 160, 0), (260, 260, 0), (260, 200, 60), (260, 120, 150)]


def spoil(path: Path, how: str, sides: tuple[str, ...], seed: int) -> None:
    rng = random.Random(seed)
    for side in sides:
        file = path.with_name(f"{path.name}{side}")
        data = bytearray(file.read_bytes())
        if data:
            SPOILS[how](data, rng)
            file.write_bytes(data)


def check(made: Made, path: Path) -> None:
    whole = unharmed(path, made.waiting)
    recorder, salvaged = salvage(path, ROOMY, 0, 1, device_key=DEVICE_PUBLIC)
    own = recorder.append(sealed_at)
    recorder.close()
    with closing(Forwarder(path)) as forwarder:
        *kept, mine = [item.envelope for item in forwarder.page(0, 10**6)]
        places = [made.entries.index(envelope) for envelope in kept]
        assert places == sorted(set(places)), "each once, in order, and nothing that was never recorded"
        assert not set(whole) - set(kept), "an entry that was whole is not kept"
        lost = set(made.waiting) - set(kept)
        facts = salvaged.facts()
        assert salvaged.kept == len(kept)
        head, first = peek(mine).header.predecessor, 0 if salvaged.counted else min(places, default=0)
        known = [place for place in map(made.entries.index, lost) if head is not None and first <= place < head.seq]
        assert facts.get("missing", len(made.waiting)) >= len(known), "more is lost than is said"
        assert facts.get("missing", 0) <= len(made.entries), "more than there ever was"
        if not lost and len(kept) == len(made.waiting) and not salvaged.unreadable:
            assert facts.get("missing", 0) == 0, "all is here, and something is said to be missing"
        assert (own.seq, envelope_hash(mine)) == (1, own.hash)
        assert own.log != made.log
        for envelope in kept:
            entry = peek(envelope)
            part = Range(entry.header.seq, entry.header.seq, entry.hash, Status.REGISTERED)
            assert forwarder.forget(entry.header.log, part).entries == 1
        assert forwarder.backlog().entries == 1
    with closing(Recorder(path, ROOMY)) as recorder:
        assert recorder.append(sealed_at).seq == 2


@given(
    shape=st.sampled_from(SHAPES),
    how=st.sampled_from(sorted(SPOILS)),
    sides=st.sampled_from([("",), ("-wal",), SIDES]),
    seed=st.integers(0, 2**32),
)
@example(shape=(260, 160, 0), how="bits flipped", sides=SIDES, seed=1927690951)  # the key of a row that is whole
@example(shape=(260, 160, 0), how="the first page", sides=("",), seed=2336523973)  # the signer's key id of an entry
@example(shape=(260, 200, 60), how="the first page", sides=SIDES, seed=1641650881)  # a page whose nearest copy is another entry's
@example(shape=(260, 260, 0), how="the inner pages", sides=("",), seed=0)  # nothing found by SQL, all by bytes
@settings(deadline=None, max_examples=16)
def test_every_whole_entry_is_kept_and_the_others_are_counted(
    shape: tuple[int, int, int], how: str, sides: tuple[str, ...], seed: int
) -> None:
    made = outbox_of(*shape)
    with TemporaryDirectory() as folder:
        path = made.laid_out(Path(folder))
        spoil(path, how, sides, seed)
        check(made, path)


def test_the_inner_pages_are_several_deep() -> None:
    made = outbox_of(*SHAPES[2])
    data = made.files[""]
    inner = [at for at in range(1024, len(data), 1024) if data[at] == 5]
    assert len(inner) > 2, "a root and what lies between it and the leaves"
    assert max(map(len, made.entries)) > 3 * 1024, "on its row's own page and three more"
