from __future__ import annotations

import base64
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from no_descriptors import no_file_can_be_opened
from sealed_examples import (
    DAY,
    FROM_MS,
    KEYRING_7,
    KEYRING_OFFICER,
    NAME,
    RECEIPTS_OFFICER,
    ROOT_PUBLIC,
    STRANGER,
    TO_MS,
    UNDATED_KEY,
    WAIT_S,
    brief,
    officer,
)

from edge_agent.device import stored_time
from edge_agent.device.documents import FILE_NAME, Documents, DocumentsDamaged
from edge_agent.device.stored_keyring import DOCUMENT, NoKeyring, OlderKeyring, WatchedKeyring, accept, read
from edge_agent.wire import receipt
from edge_agent.wire.authority import Power
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.keyring import Keyring, issue
from edge_agent.wire.receipt import Receipt
from edge_agent.wire.topics import DeviceName


def message(counter: int, issued_ms: int = 1) -> bytes:
    return issue(Keyring(counter, issued_ms, (DAY, UNDATED_KEY)), KEYRING_OFFICER)


def test_there_is_none_before_the_first(tmp_path: Path) -> None:
    with pytest.raises(NoKeyring, match="gate-agent enrol BUNDLE"):
        read(tmp_path, ROOT_PUBLIC)
    with pytest.raises(NoKeyring):
        WatchedKeyring(tmp_path, ROOT_PUBLIC, NAME)


@given(counters=st.lists(st.integers(1, 9), min_size=1, max_size=6))
@brief
def test_the_counter_never_goes_back(tmp_path_factory: pytest.TempPathFactory, counters: list[int]) -> None:
    folder = tmp_path_factory.mktemp("state")
    highest = 0
    for counter in counters:
        if counter < highest:
            with pytest.raises(OlderKeyring, match=f"{highest} is in use"):
                accept(folder, ROOT_PUBLIC, message(counter))
        else:
            assert accept(folder, ROOT_PUBLIC, message(counter)).counter == counter
        highest = max(highest, counter)
        assert read(folder, ROOT_PUBLIC).counter == highest


def test_another_keyring_with_the_counter_in_use_changes_nothing(tmp_path: Path) -> None:
    accept(tmp_path, ROOT_PUBLIC, message(5, issued_ms=1))
    assert accept(tmp_path, ROOT_PUBLIC, message(5, issued_ms=2)).issued_ms == 1
    assert read(tmp_path, ROOT_PUBLIC).issued_ms == 1


def test_the_same_keyring_again_writes_nothing(tmp_path: Path) -> None:
    accept(tmp_path, ROOT_PUBLIC, message(5))
    before = (tmp_path / FILE_NAME).stat().st_mtime_ns
    accept(tmp_path, ROOT_PUBLIC, message(5))
    assert (tmp_path / FILE_NAME).stat().st_mtime_ns == before


def test_a_keyring_that_is_not_genuine_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    accept(tmp_path, ROOT_PUBLIC, message(5))
    for wrong, why in (
        (b"garbage", Malformed),
        (issue(Keyring(9, 1, (UNDATED_KEY,)), officer(Power.RECEIPTS)), Forged),
        (issue(Keyring(9, 1, (UNDATED_KEY,)), officer(Power.KEYRING, root=STRANGER)), Forged),
    ):
        with pytest.raises(why):
            accept(tmp_path, ROOT_PUBLIC, wrong)
    assert read(tmp_path, ROOT_PUBLIC).counter == 5


@pytest.mark.parametrize("stored", [{}, {"message": 5}, {"message": "?"}, {"message": "AAAA"}, {"counter": 9}])
def test_a_stored_keyring_is_checked_again_from_the_root_down(tmp_path: Path, stored: dict[str, object]) -> None:
    documents = Documents(tmp_path)
    documents.put(DOCUMENT, stored)
    documents.close()
    with pytest.raises(NoKeyring, match="cannot be believed"):
        read(tmp_path, ROOT_PUBLIC)
    accept(tmp_path, ROOT_PUBLIC, message(1))
    assert read(tmp_path, ROOT_PUBLIC).counter == 1


def test_someone_who_writes_the_file_cannot_choose_the_keys(tmp_path: Path) -> None:
    documents = Documents(tmp_path)
    forged = issue(Keyring(99, 1, (UNDATED_KEY,)), officer(Power.KEYRING, root=STRANGER))
    documents.put(DOCUMENT, {"counter": 99, "message": base64.b64encode(forged).decode()})
    documents.close()
    with pytest.raises(NoKeyring):
        read(tmp_path, ROOT_PUBLIC)


def test_damaged_documents_are_no_keyring_and_take_none(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"torn")
    with pytest.raises(NoKeyring):
        read(tmp_path, ROOT_PUBLIC)
    with pytest.raises(DocumentsDamaged):
        accept(tmp_path, ROOT_PUBLIC, message(1))


def test_a_watched_keyring_follows_the_file_and_survives_a_bad_one(tmp_path: Path) -> None:
    accept(tmp_path, ROOT_PUBLIC, issue(KEYRING_7, KEYRING_OFFICER))
    watched = WatchedKeyring(tmp_path, ROOT_PUBLIC, NAME)
    assert watched.current() is watched.current()
    accept(tmp_path, ROOT_PUBLIC, message(8))
    assert watched.current().counter == 8
    file = tmp_path / FILE_NAME
    for damage in (lambda: file.write_bytes(b"torn"), file.unlink, file.mkdir):
        damage()
        (tmp_path / f"{FILE_NAME}.previous").unlink(missing_ok=True)
        assert watched.current().counter == 8
    file.rmdir()
    accept(tmp_path, ROOT_PUBLIC, message(9))
    assert watched.current().counter == 9


def test_of_two_offered_at_once_the_newer_is_kept(tmp_path: Path) -> None:
    """By the broker in one thread of the agent, with a ticket in another."""
    for number in range(30):
        folder = tmp_path / str(number)
        folder.mkdir()
        accept(folder, ROOT_PUBLIC, message(1))
        both = threading.Barrier(2)

        def offer(counter: int, folder: Path = folder, both: threading.Barrier = both) -> None:
            both.wait(WAIT_S)
            with suppress(OlderKeyring):
                accept(folder, ROOT_PUBLIC, message(counter))

        offering = [threading.Thread(target=offer, args=(counter,)) for counter in (3, 2)]
        for thread in offering:
            thread.start()
        for thread in offering:
            thread.join(WAIT_S)
        assert read(folder, ROOT_PUBLIC).counter == 3


def test_a_keyring_that_could_not_be_read_once_is_read_the_next_time(tmp_path: Path) -> None:
    accept(tmp_path, ROOT_PUBLIC, message(1))
    watched = WatchedKeyring(tmp_path, ROOT_PUBLIC, NAME)
    accept(tmp_path, ROOT_PUBLIC, message(2))
    with no_file_can_be_opened():
        assert watched.current().counter == 1
    assert watched.current().counter == 2


# ── what time it is at least, and whose certificate has ended ────────────────────────────────────────────────────────────────────


def told(committed_ms: int) -> bytes:
    return receipt.issue(Receipt(NAME, bytes(16), (), committed_ms), officer(Power.RECEIPTS, to_ms=2 * TO_MS))


def test_a_stored_receipt_is_a_lower_bound_of_the_clock_until_the_next_keyring(tmp_path: Path) -> None:
    accept(tmp_path, ROOT_PUBLIC, message(5, issued_ms=FROM_MS))
    watched = WatchedKeyring(tmp_path, ROOT_PUBLIC, NAME)
    assert watched.not_before_ms() == FROM_MS
    stored_time.note(tmp_path, 5, told(FROM_MS + 7000))
    assert watched.not_before_ms() == WatchedKeyring(tmp_path, ROOT_PUBLIC, NAME).not_before_ms() == FROM_MS + 7000
    accept(tmp_path, ROOT_PUBLIC, message(6, issued_ms=FROM_MS + 2000))
    assert watched.not_before_ms() == FROM_MS + 2000, "a clock of the province that ran ahead is put right"


@pytest.mark.parametrize(
    "forged",
    [
        b"garbage",
        receipt.issue(Receipt(NAME, bytes(16), (), TO_MS), officer(Power.RECEIPTS, root=STRANGER)),
        receipt.issue(Receipt(DeviceName("bus-co", "another"), bytes(16), (), TO_MS), RECEIPTS_OFFICER),
        receipt.issue(Receipt(NAME, bytes(16), (), TO_MS + 1), RECEIPTS_OFFICER),  # later than its signer could have known
    ],
)
def test_someone_who_writes_the_file_cannot_choose_the_time(tmp_path: Path, forged: bytes) -> None:
    accept(tmp_path, ROOT_PUBLIC, message(5, issued_ms=FROM_MS))
    stored_time.note(tmp_path, 5, forged)
    assert stored_time.read(tmp_path, ROOT_PUBLIC, NAME, 5) == 0
    assert WatchedKeyring(tmp_path, ROOT_PUBLIC, NAME).not_before_ms() == FROM_MS


@pytest.mark.parametrize(
    "now_ms, bound_ms, taken",
    [
        (None, 0, True),  # 1970: nothing is "not yet valid"
        (None, TO_MS, True),
        (None, TO_MS + 1, False),
        (FROM_MS, 0, True),
        (0, 0, False),
        (TO_MS + 1, 0, False),
    ],
)
def test_a_keyring_counts_only_in_its_signers_time_as_far_as_the_time_is_known(
    tmp_path: Path, now_ms: int | None, bound_ms: int, taken: bool
) -> None:
    if not taken:
        with pytest.raises(Forged, match="certificate"):
            accept(tmp_path, ROOT_PUBLIC, message(5), now_ms, bound_ms)
        return
    accept(tmp_path, ROOT_PUBLIC, message(5), now_ms, bound_ms)


def test_an_accepted_keyring_is_used_on_when_its_signers_time_has_ended(tmp_path: Path) -> None:
    accept(tmp_path, ROOT_PUBLIC, message(5, issued_ms=FROM_MS))
    stored_time.note(tmp_path, 5, told(TO_MS + 1))
    assert WatchedKeyring(tmp_path, ROOT_PUBLIC, NAME).current().counter == 5
    with pytest.raises(Forged, match="ended"):
        accept(tmp_path, ROOT_PUBLIC, message(6), None, TO_MS + 1)
    successor = issue(Keyring(6, TO_MS + 2, (DAY, UNDATED_KEY)), officer(Power.KEYRING, to_ms=TO_MS * 2))
    assert accept(tmp_path, ROOT_PUBLIC, successor, None, TO_MS + 1).counter == 6
