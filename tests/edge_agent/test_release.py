"""A release's signed list: only its own key, only whole, only in its time; and what suits this device."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from command_world import NOW_MS
from hypothesis import given, settings
from hypothesis import strategies as st
from sealed_examples import NAME, ROOT_PUBLIC, officer

from edge_agent.base import machine
from edge_agent.store import outbox
from edge_agent.update import release_check, stored_formats
from edge_agent.update.release_check import Unsuitable
from edge_agent.wire import release
from edge_agent.wire.authority import Power
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged, key_id
from edge_agent.wire.release import PIECE_BYTES, Part, Release
from edge_agent.wire.topics import DeviceName

PART = Part.of("gate_scanner-1.2.0-py3-none-any.whl", b"x" * (PIECE_BYTES + 1))


def made(**changes: Any) -> Release:
    here = {"architecture": machine.ARCHITECTURES["x86_64"], "python": "3.11"}
    usual: dict[str, Any] = {
        "software": "1.2.0", "counter": 7, "floor": 3, "outbox": stored_formats.OUTBOX, "documents": stored_formats.DOCUMENTS,
        "base": stored_formats.BASE, "unpacked": 1, "expires_ms": NOW_MS + 1000, "parts": (PART,),
    }  # fmt: skip
    return Release(**(usual | here | changes))


def test_it_comes_back_as_it_was_signed() -> None:
    message = release.issue(made(), officer(Power.UPDATE))
    assert release.verify(message, ROOT_PUBLIC, now_ms=NOW_MS) == made()
    assert release.identity_of(message) == sha256(message).hexdigest()
    assert [len(PART.pieces), PART.size] == [2, PIECE_BYTES + 1]


@pytest.mark.parametrize("power", [Power.CONFIGURE, Power.IDENTIFY, Power.KEYRING])
def test_no_other_key_signs_releases(power: Power) -> None:
    with pytest.raises(Forged):
        release.verify(release.issue(made(), officer(power)), ROOT_PUBLIC, now_ms=NOW_MS)


def test_a_revoked_key_signs_no_more() -> None:
    signer = officer(Power.UPDATE)
    message = release.issue(made(), signer)
    with pytest.raises(Forged, match="revoked"):
        release.verify(message, ROOT_PUBLIC, now_ms=NOW_MS, revoked={key_id(signer.key.public_key()).hex()})


def test_a_signer_of_one_organisation_signs_for_its_devices_alone() -> None:
    message = release.issue(made(), officer(Power.UPDATE, org=NAME.org))
    assert release.verify(message, ROOT_PUBLIC, NAME) == made()
    with pytest.raises(Forged, match="another organisation"):
        release.verify(message, ROOT_PUBLIC, DeviceName("other-co", NAME.device))
    assert release.verify(release.issue(made(), officer(Power.UPDATE)), ROOT_PUBLIC, DeviceName("other-co", NAME.device)) == made()


def test_it_expires_by_the_clock_or_by_what_has_surely_come() -> None:
    message = release.issue(made(), officer(Power.UPDATE))
    for times in ((NOW_MS + 1001, 0), (None, NOW_MS + 1001)):
        with pytest.raises(Forged, match="expired"):
            release.verify(message, ROOT_PUBLIC, None, *times)


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_bit_of_it_can_be_changed(at: int, bit: int) -> None:
    message = bytearray(release.issue(made(), officer(Power.UPDATE)))
    message[at % len(message)] ^= 1 << bit
    with pytest.raises((Malformed, Forged)):
        release.verify(bytes(message), ROOT_PUBLIC, now_ms=NOW_MS)


@pytest.mark.parametrize(
    "part",
    [
        replace(PART, name="../../etc/passwd"), replace(PART, name="a.sh"), replace(PART, name=".whl"),
        replace(PART, pieces=PART.pieces[:1]),
        replace(PART, size=0),
    ],
)  # fmt: skip
def test_parts_that_no_release_has_are_refused(part: Part) -> None:
    with pytest.raises(Malformed):
        release.verify(release.issue(made(parts=(part,)), officer(Power.UPDATE)), ROOT_PUBLIC, now_ms=NOW_MS)


@pytest.mark.parametrize("changes", [{"parts": ()}, {"parts": (PART, PART)}, {"floor": 8}, {"well_s": 0}, {"within_s": 100_000}])
def test_nor_is_what_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        release.verify(release.issue(made(**changes), officer(Power.UPDATE)), ROOT_PUBLIC, now_ms=NOW_MS)


@pytest.mark.parametrize("changes, reason", [
    ({"architecture": "riscv64"}, "wrong-machine"), ({"python": "3.9"}, "wrong-machine"), ({"counter": 4, "floor": 0}, "downgrade"),
    ({"outbox": stored_formats.OUTBOX + 1}, "no-way-back"), ({"documents": stored_formats.DOCUMENTS + 1}, "no-way-back"),
    ({"base": release_check.PACKAGE_BASE + 1}, "needs-package"),
])  # fmt: skip
def test_what_does_not_suit_this_device_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], reason: str) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    with pytest.raises(Unsuitable) as caught:
        release_check.check(made(**changes), floor=5)
    assert caught.value.reason == reason


def test_the_numbers_are_those_of_what_is_written() -> None:
    """Whoever changes the outbox's tables changes both, and so every scanner refuses an update that has no way back."""
    assert stored_formats.OUTBOX == outbox.SCHEMA_VERSION
    assert stored_formats.BASE <= release_check.PACKAGE_BASE
