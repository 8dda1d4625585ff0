"""Rows for every table of a register, as each version from 4 on had them: entries of both directions, held, forked, of wrong clocks."""

from __future__ import annotations

from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]

MIDNIGHT_MS = 1_633_366_800_000  # 2021-10-05 00:00 in Vietnam
_HOUR_MS = 3_600_000
_LOG = {"org": "cho", "device": "cong-1", "log": b"l" * 16}
_AT = {"site": "Chợ Đông Ba", "gate": "Cổng chính"}
_COUNTED = ("read_in", "paper_in", "self_in", "outs")
_PASSED = {
    "kind": "passage", "status": "registered", "direction": "in", "method": "camera", "clock": "synchronised", "epoch": "2021-10-05",
    "key_id": "2021-10-05/00", "forked": 0, "body": b"closed", **_AT,
}  # fmt: skip
_OF_HEADER = ("kind", "site", "gate", "direction", "method", "wall_ms", "boot", "boottime_ms", "clock", "key_id", "epoch")


def _entries() -> list[Row]:
    """Each by what is its own; numbers, hashes and boots follow."""
    told: list[Row] = [
        {"wall_ms": MIDNIGHT_MS - 1, "epoch": "2021-10-04", "key_id": "2021-10-04/00"},  # the last moment of a day, and the first
        {"wall_ms": MIDNIGHT_MS, "direction": "out", "trip": "43B-017.88", "erased_ms": MIDNIGHT_MS + _HOUR_MS, "body": None},
        {"wall_ms": 1000, "corrected_ms": MIDNIGHT_MS + 1, "clock": "unknown", "method": "paper"},
        {"wall_ms": 2**63 - 1, "clock": "rtc", "method": "self"},  # ahead of its own arrival
        {"wall_ms": 1000, "clock": "unknown"},  # never put right: of 1970
        {"wall_ms": MIDNIGHT_MS, "forked": 1, "method": "serial", "direction": "out"},
        {"wall_ms": MIDNIGHT_MS, "epoch": "2021-06-01", "key_id": "2021-06-01/00"},  # a day without a part of its own
        {"wall_ms": MIDNIGHT_MS, "org": "ben-xe", "site": "Bến xe", "direction": "in", "method": "hid"},
        {"wall_ms": MIDNIGHT_MS, "kind": "clock", "direction": None, "method": None},
        {"wall_ms": MIDNIGHT_MS, "status": "expired", "body": None, "method": None, "direction": None},
        {"status": "held", "reason": "undated", "epoch": None, "key_id": "undated/00", "wall_ms": 1000, "direction": None, "method": None},
        {"status": "held", "reason": "newer", "body": b"whole", **dict.fromkeys(_OF_HEADER)},  # of a release that this one does not know
    ]
    made: list[Row] = []
    for number, own in enumerate(told, 1):
        row = {**_LOG, **_PASSED, "id": number, "seq": number, "hash": bytes([number]) * 32, "prev": bytes([number - 1]) * 32}
        row |= {"boot": b"b" * 16, "boottime_ms": number, "registered_ms": MIDNIGHT_MS + 2 * _HOUR_MS + number}
        made.append({"corrected_ms": None, "trip": None, "reason": None, "erased_ms": None, **row, **own})
    return made


def _counts(*counts: tuple[str, str, str, int, int, int, int]) -> list[Row]:
    return [dict(zip(("day", "org", "site", *_COUNTED), one, strict=True)) for one in counts]


# What the entries above come to, counted by hand; who was registered before there were methods counts as read.
COUNTS = _counts(
    ("1970-01-01", "cho", "Chợ Đông Ba", 1, 0, 0, 0),
    ("2021-10-04", "cho", "Chợ Đông Ba", 1, 0, 0, 0),
    ("2021-10-05", "ben-xe", "Bến xe", 1, 0, 0, 0),
    ("2021-10-05", "cho", "Chợ Đông Ba", 1, 1, 1, 2),
)
COUNTS_WITHOUT_METHODS = [*COUNTS[:-1], *_counts(("2021-10-05", "cho", "Chợ Đông Ba", 3, 0, 0, 2))]

_SITE = {"unit": None, "plate": None, "plate_key": None, "route": None, "begins_ms": None, "ends_ms": None, "registered_ms": 0}
_SITE |= {"closed_ms": None, "monitored_by": None}

ROWS: dict[str, list[Row]] = {
    "device": [
        {"org": "cho", "device": "cong-1", **_AT, "public_key": b"p" * 32, "kid": b"k" * 16, "certificate_serial": "7",
         "status": "active", "added_ms": 1},
        {"org": "ben-xe", "device": "cong-1", "site": "Bến xe", "gate": "1", "public_key": b"q" * 32, "kid": b"l" * 16,
         "certificate_serial": "8", "status": "revoked", "added_ms": 2},
    ],
    "entry": _entries(),
    "token": [
        {"token": b"t" * 32, "kind": "id_number", "entry_id": 1, "epoch": "2021-10-04"},
        {"token": b"t" * 32, "kind": "phone", "entry_id": 3, "epoch": "2021-10-05"},
        {"token": b"u" * 32, "kind": "phone", "entry_id": 7, "epoch": "2021-06-01"},
        {"token": b"u" * 32, "kind": "phone", "entry_id": 8, "epoch": "2021-10-05"},
    ],
    "ledger": [{**_LOG, "first_seq": 1, "first_prev": bytes(32), "last_seq": 12, "last_hash": b"\x0c" * 32}],
    "day": [{**_LOG, "day": "2021-10-05", "first_seq": 2, "last_seq": 9, "entries": 8}],
    "sure_day": [{**_LOG, "day": "2021-10-05", "first_seq": 2, "last_seq": 9}],
    "announced": [{**_LOG, "seq": 3, "hash": b"h" * 32, "by_log": b"m" * 16}],
    "alert": [
        {"id": 1, "kind": "fork", **_LOG, "seq": 6, "hash": b"\x06" * 32, "raised_ms": 1, "resolved_ms": None},
        {"id": 2, "kind": "gap", **_LOG, "seq": 2, "hash": b"\x02" * 32, "raised_ms": 1, "resolved_ms": 2},
    ],
    "quarantine": [
        {"id": 1, "sha256": b"s" * 32, "topic": "gate/v1/cho/cong-1/entries", "reason": "signature", "detail": "-", "size": 3,
         "head": b"\x00\xff\x01", "received_ms": 1, "last_ms": 2, "times": 2},
    ],
    "ticket": [
        {"number": b"n" * 32, "org": "cho", "device": "cong-2", **_AT, "expires_ms": 9, "used_ms": None, "used_by": None},
        {"number": b"o" * 32, "org": "cho", "device": "cong-1", **_AT, "expires_ms": 9, "used_ms": 3, "used_by": b"p" * 32},
    ],
    "waiting": [
        {"public_key": b"w" * 32, "wish": "join", "serial": "Pi-1", "asked_ms": 1, "approved_ms": None, "org": None, "device": None,
         "site": None, "gate": None},
        {"public_key": b"v" * 32, "wish": "renew", "serial": "Pi-2", "asked_ms": 1, "approved_ms": 2, "org": "cho", "device": "cong-1",
         **_AT},
    ],
    "certificate": [
        {"serial": "7", "org": "cho", "device": "cong-1", "ends_ms": 9, "revoked_ms": None, "der": b"\x30\x00"},
        {"serial": "8", "org": "ben-xe", "device": "cong-1", "ends_ms": 9, "revoked_ms": 4, "der": None},
    ],
    "counter": [{"name": "config", "value": 2**62}],
    "audit": [
        {"number": 1, "fields": b"\xa0", "signature": None, "hash": b"a" * 32},
        {"number": 2, "fields": b"\xa1", "signature": b"s" * 64, "hash": b"b" * 32},
    ],
    "unit": [
        {"id": "46", "level": "province", "name": "Thừa Thiên Huế", "parent": None, "closed_ms": None},
        {"id": "19789", "level": "commune", "name": "Phường Đông Ba", "parent": "46", "closed_ms": 5},
    ],
    "organisation": [
        {"id": "ben-xe", "name": "Bến xe", "unit": None, "parent": None, "sector": "transport", "closed_ms": 6},
        {"id": "cho", "name": "Ban quản lý chợ", "unit": "46", "parent": "ben-xe", "sector": "other", "closed_ms": None},
    ],
    "site": [
        {"id": "cho-dong-ba", "org": "cho", "name": "Chợ Đông Ba", "category": "market", "address": "Số 2 đường Trần Hưng Đạo", **_SITE,
         "code": "A" * 16, "place_key": "cho dong ba|2 tran hung dao", "unit": "19789", "registered_ms": 7, "monitored_by": "ben-xe"},
        {"id": "xe-8", "org": "ben-xe", "name": "Xe 8", "category": "vehicle", "address": "Huế", **_SITE, "code": "B" * 16,
         "place_key": "xe 8|hue", "plate": "75B-012.34", "plate_key": "75B01234", "route": "8", "begins_ms": 1, "ends_ms": 2,
         "closed_ms": 3},
    ],
    "gate": [{"site": "cho-dong-ba", "name": "Cổng chính"}, {"site": "cho-dong-ba", "name": "Cổng sau"}, {"site": "xe-8", "name": "Cửa"}],
    "account": [
        {"id": "a1", "name": b"closed", "role": "keeper", "org": None, "unit": None, "commands": 0, "hashed": "$argon2id$", "totp": None,
         "totp_step": 0, "made_ms": 1},
        {"id": "a2", "name": b"closed", "role": "tracer", "org": "cho", "unit": "19789", "commands": 1, "hashed": "$argon2id$",
         "totp": b"closed", "totp_step": 54_445_560, "made_ms": 2},
    ],
    "account_phone": [{"token": b"t" * 32, "account": "a1", "phone": b"closed"}],
    "account_site": [{"account": "a1", "site": "cho-dong-ba"}],
    "account_recovery": [{"account": "a2", "hash": b"r" * 32}],
    "tracing_case": [
        {"id": 1, "epoch": "2021-10-05", "state": "open", "opened_ms": 1, "approved_ms": 2, "closed_ms": None, "body": b"closed"},
        {"id": 2, "epoch": "2021-10-04", "state": "closed", "opened_ms": 1, "approved_ms": None, "closed_ms": 3, "body": None},
    ],
    "day_count": COUNTS,
    "report_figure": [
        {"id": 1, "about": "unit", "subject": "46", "figure": "population", "day": "2021-10-01", "value": 1_100_000, "at_ms": 1,
         "by_whom": "a1"},
        {"id": 2, "about": "unit", "subject": "46", "figure": "population", "day": "2021-10-02", "value": None, "at_ms": 2,
         "by_whom": "a1"},
    ],
    "report": [{"kind": "province", "subject": "", "day": "2021-10-05", "made_ms": 1, "due_ms": 2, "content": b"\x78\x9c"}],
    "report_post": [
        {"kind": "province", "subject": "", "day": "2021-10-05", "addressee": "ubnd", "tries": 1, "next_ms": 2, "trying_ms": None,
         "sent_ms": 3},
        {"kind": "province", "subject": "", "day": "2021-10-05", "addressee": "syt", "tries": 0, "next_ms": 2, "trying_ms": 3,
         "sent_ms": None},
    ],
    "api_client": [
        {"name": "grafana", "hashed": b"h" * 32, "scopes": "metrics:read", "org": None, "made_ms": 1, "expires_ms": 2, "revoked_ms": None},
        {"name": "dem", "hashed": b"i" * 32, "scopes": "counts:read", "org": "cho", "made_ms": 1, "expires_ms": 2, "revoked_ms": 3},
    ],
}  # fmt: skip
