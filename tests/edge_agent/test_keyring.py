from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_examples import (
    DAY,
    DAY_PAIR,
    KEYRING_7,
    KEYRING_OFFICER,
    ROOT_PUBLIC,
    UNDATED_KEY,
    UNDATED_PAIR,
    officer,
    sealing_pair,
    thorough,
)

from edge_agent.wire import sealing
from edge_agent.wire.authority import Power
from edge_agent.wire.cbor import Malformed, encode
from edge_agent.wire.keyring import KEYRING, MAX_KEYRING_BYTES, MOST_REVOKED, UNDATED, EpochKey, Keyring, day_of, issue, verify
from edge_agent.wire.sealing import Suite

FOR_EVER = officer(Power.KEYRING, to_ms=2**63 - 1)
PAIRS = {suite: sealing_pair(suite, "day") for suite in Suite}


def keys(suite: Suite, days: int) -> tuple[EpochKey, ...]:
    return tuple(EpochKey((date(2021, 10, 5) + timedelta(days=offset)).isoformat(), suite, PAIRS[suite].public) for offset in range(days))


@given(
    counter=st.integers(1, 2**63 - 1),
    issued_ms=st.integers(0, 2**63 - 1),
    suite=st.sampled_from(Suite),
    days=st.integers(0, 5),
    revoked=st.sets(st.binary(min_size=8, max_size=8)),
)
@thorough
def test_every_keyring_comes_back(counter: int, issued_ms: int, suite: Suite, days: int, revoked: set[bytes]) -> None:
    keyring = Keyring(counter, issued_ms, (*keys(suite, days), UNDATED_KEY), tuple(sorted(revoked)))
    assert verify(issue(keyring, FOR_EVER), ROOT_PUBLIC) == keyring


def test_the_largest_keyring_fits() -> None:
    revoked = tuple(number.to_bytes(8, "big") for number in range(MOST_REVOKED))
    message = issue(Keyring(2**62, 2**62, (*keys(Suite.XWING, 99), UNDATED_KEY), revoked), FOR_EVER)
    assert len(message) <= MAX_KEYRING_BYTES
    assert len(verify(message, ROOT_PUBLIC).keys) == 100


@pytest.mark.parametrize(
    "revoked", [[], [b"short"], [bytes(8), bytes(8)], [b"\1" * 8, bytes(8)], ["00000000"], 5, [bytes(8)] * (MOST_REVOKED + 1)]
)
def test_what_is_no_list_of_revoked_keys_is_refused(revoked: object) -> None:
    key = {1: UNDATED_KEY.epoch, 2: str(UNDATED_KEY.suite), 3: UNDATED_KEY.public}
    message = FOR_EVER.sign(encode({1: 1, 2: 1, 3: 1, 4: [key], 5: revoked}), KEYRING)
    with pytest.raises(Malformed):
        verify(message, ROOT_PUBLIC)


@pytest.mark.parametrize("suite", Suite)
def test_what_a_published_key_seals_its_private_half_opens(suite: Suite) -> None:
    keyring = verify(issue(Keyring(1, 1, (*keys(suite, 1), UNDATED_KEY)), KEYRING_OFFICER), ROOT_PUBLIC)
    key = keyring.key_for(date(2021, 10, 5)).sealing_key()
    made = sealing.seal(b"text", key.suite, key.public, b"info")
    assert sealing.unseal(made, suite, sealing.load_private(suite, PAIRS[suite].private), b"info") == b"text"


def test_a_day_without_a_key_and_no_day_at_all_use_the_undated_key() -> None:
    assert KEYRING_7.key_for(date(2021, 10, 5)) == DAY
    assert KEYRING_7.key_for(date(2021, 10, 6)) == UNDATED_KEY
    assert KEYRING_7.key_for(None) == UNDATED_KEY


def test_a_key_id_tells_provinces_apart() -> None:
    assert DAY.key_id.startswith("2021-10-05/")
    assert len(DAY.key_id) == 10 + 1 + 16
    assert EpochKey(DAY.epoch, DAY.suite, bytes(32)).key_id != DAY.key_id


@given(moment=st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)))  # noqa: DTZ001 - made aware below
@thorough
def test_a_day_begins_at_midnight_in_vietnam(moment: datetime) -> None:
    wall_ms = int(moment.replace(tzinfo=UTC).timestamp() * 1000)
    assert day_of(wall_ms) == (moment + timedelta(hours=7)).date()


def test_day_of_the_first_millisecond() -> None:
    assert [day_of(ms).isoformat() for ms in (0, 61_199_999, 61_200_000)] == ["1970-01-01", "1970-01-01", "1970-01-02"]


ONE: dict[int, object] = {1: DAY.epoch, 2: str(DAY.suite), 3: DAY.public}
LAST: dict[int, object] = {1: UNDATED, 2: str(UNDATED_PAIR.suite), 3: UNDATED_PAIR.public}
GOOD: dict[int, object] = {1: 1, 2: 7, 3: 5, 4: [ONE, LAST]}


def signed(fields: object) -> bytes:
    return KEYRING_OFFICER.sign(encode(fields), KEYRING)


def test_the_fields_below_are_right_before_they_are_made_wrong() -> None:
    assert verify(signed(GOOD), ROOT_PUBLIC) == Keyring(7, 5, (DAY, UNDATED_KEY))


@pytest.mark.parametrize("key", GOOD)
@pytest.mark.parametrize("value", [None, True, -1, 2**63, "x", b"x", [1], [{}], "absent"], ids=repr)
def test_each_field_is_checked_even_when_signed(key: int, value: object) -> None:
    fields = {**GOOD, key: value}
    if value == "absent":
        del fields[key]
    with pytest.raises(Malformed):
        verify(signed(fields), ROOT_PUBLIC)


_case = count()


@pytest.mark.parametrize(
    "change",
    [
        {1: "2021-13-01"}, {1: "20211005"}, {1: "2021-W40-2"}, {1: "tomorrow"}, {1: ""}, {1: 20211005},
        {2: "X25519"}, {2: 1}, {2: str(Suite.XWING)},
        {3: b""}, {3: bytes(31)}, {3: bytes(33)}, {3: bytes(3000)}, {3: "key"},
        {2: str(Suite.XWING), 3: b"\xff" * 1216}, {2: str(Suite.XWING), 3: bytes(1215)},
    ],
    ids=lambda _change: f"case {next(_case)}",
)  # fmt: skip
def test_a_bad_key_spoils_the_ring(change: dict[int, object]) -> None:
    with pytest.raises(Malformed, match="keyring key"):
        verify(signed({**GOOD, 4: [{**ONE, **change}, LAST]}), ROOT_PUBLIC)


@pytest.mark.parametrize(
    "items", [[], [ONE], [ONE, ONE, LAST], [LAST, LAST], [LAST] * 101], ids=["none", "no undated", "day", "undated", "101"]
)
def test_every_epoch_is_there_once_and_one_is_undated(items: list[object]) -> None:
    with pytest.raises(Malformed):
        verify(signed({**GOOD, 4: items}), ROOT_PUBLIC)


def test_a_private_key_never_shows() -> None:
    assert DAY_PAIR.private.hex() not in repr(DAY_PAIR)
    assert repr(DAY_PAIR.private) not in repr(DAY_PAIR)
