from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_examples import device_names, names, thorough

from edge_agent.wire.topics import ALL_ENTRIES, DEVICE_READS, DEVICE_WRITES, KEYRING, DeviceName, Leaf, is_name, parse


@given(name=device_names, leaf=st.sampled_from(Leaf))
@thorough
def test_every_topic_of_a_device_is_read_back(name: DeviceName, leaf: Leaf) -> None:
    assert parse(name.topic(leaf)) == (name, leaf)


@given(text=st.text(max_size=60) | names | names.map(lambda name: f"gate/v1/{name}/x/entries"))
@thorough
def test_what_is_read_is_a_topic_of_a_device(text: str) -> None:
    parsed = parse(text)
    if parsed is not None:
        assert parsed[0].topic(parsed[1]) == text


@given(text=st.text(max_size=50) | names)
@thorough
def test_a_name_has_no_separator_wildcard_or_surprise(text: str) -> None:
    assert is_name(text) == (re.fullmatch(r"[a-z0-9-]{1,40}", text) is not None and text[0] != "-" and text[-1] != "-")


@pytest.mark.parametrize(
    "topic",
    [
        "", "/", "gate/v1", KEYRING, ALL_ENTRIES, "gate/v1/a/b", "gate/v1/a/b/", "gate/v1/a/b/other", "gate/v2/a/b/entries",
        "gate/v1/a/b/entries/", "gate/v1/A/b/entries", "gate/v1/province/b/entries", "/gate/v1/a/b/entries", "gate/v1/a//entries",
        "gate/v1/a/b/config", "gate/v1/a/b\n/entries", "gate/v1/a/b/entries\0",
    ],
    ids=repr,
)  # fmt: skip
def test_no_other_topic_is_a_devices(topic: str) -> None:
    assert parse(topic) is None


@pytest.mark.parametrize("org, device", [("province", "x"), ("", "x"), ("x", ""), ("x", "a/b"), ("x" * 41, "x"), ("chợ", "x")])
def test_a_device_must_have_a_name(org: str, device: str) -> None:
    with pytest.raises(ValueError, match=r"reserved|not a name"):
        DeviceName(org, device)


def test_no_leaf_is_both_written_and_read_by_a_device() -> None:
    assert not set(DEVICE_READS) & set(DEVICE_WRITES)
    assert set(DEVICE_READS) | set(DEVICE_WRITES) == set(Leaf)
