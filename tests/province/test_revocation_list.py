"""The list of revoked certificates has one writer at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from test_revocations import asked, authority, new_keys, revoke, serial

from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.keys.terms import Role
from province.keys.tls_authority import TlsAuthority
from province.registry import certificates, revocations
from province.trust.renewing import Renewal


def renew_list(layout: Layout) -> None:
    Renewal(layout, now_ms()).renew(Role.REVOCATIONS)


def renew_collector(layout: Layout) -> None:
    Renewal(layout, now_ms(), new_keys=True).renew(Role.COLLECTOR)


def mend(layout: Layout) -> None:
    layout.revocations.unlink()
    with closing(revocations.connect(layout, now_ms())) as connection:
        assert revocations.mend_list(layout, connection, authority(layout), now_ms()) == 1


@pytest.mark.parametrize("write", [renew_list, renew_collector, mend, revoke])
def test_nothing_is_revoked_between_the_look_at_the_register_and_the_list(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, write: Callable[[Layout], None]
) -> None:
    mine = serial(asked(layout, new_keys()))
    revoke(layout)
    asked(layout, new_keys())  # the next one of that name
    refused: list[str] = []
    make = TlsAuthority.revocation_list

    def another_comes(*given: object) -> bytes:
        with closing(sqlite3.connect(layout.register, timeout=0, isolation_level=None)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                refused.append(str(error))
        return make(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(TlsAuthority, "revocation_list", another_comes)
    write(layout)
    assert refused == ["database is locked"]
    assert mine in certificates.listed(layout)
    assert revocations.missing_from_list(layout, Keystore(layout.keystore), now_ms()) == 0
