"""The register's tables. Nothing about a person is in a column: identifiers are tokens, the rest is in a closed body.

Source: design.md "The register at rest"; decision 0100. The same tables stand in SQLite and in PostgreSQL; `migrations/` makes them and
changes them, and a test holds both against what is said here. The registry's stand in registry_tables.py; the fleet has a file of its own,
fleet_store.py.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, MetaData, Table, Text, UniqueConstraint, func, literal_column, text

from province.store.columns import Number as _Number
from province.store.columns import name as _name
from province.store.columns import number as _number
from province.store.columns import octets as _bytes

APPLICATION_ID = 0x67505256  # "gPRV"
FIRST_VERSION = 3  # of the registers made before there were migrations
SCHEMA_VERSION = 11  # what the newest file in migrations/ makes

metadata = MetaData()


def _log(*, key: bool) -> list[Column[str] | Column[bytes]]:
    """What names a log: organisation, device, and the log's own 16 bytes."""
    return [_name("org", key=key), _name("device", key=key), _bytes("log", key=key)]


device = Table(
    "device", metadata,
    _name("org", key=True), _name("device", key=True), _name("site"), _name("gate"),
    _bytes("public_key"), _bytes("kid"), _name("certificate_serial"),
    Column("status", Text, nullable=False, server_default="active"), _number("added_ms"),
    sqlite_with_rowid=False,
)  # fmt: skip
Index("device_by_key", device.c.public_key)

# hash: of the envelope. direction, trip, method: of registered passages. wall_ms: as the device claims; corrected_ms: as later known.
# epoch: the day whose keys close the body. body: registered: nonce and AES-256-GCM under the day's data key; held: the whole
# envelope; expired or erased (erased_ms): NULL.
entry = Table(
    "entry", metadata,
    Column("id", _Number, primary_key=True),
    *_log(key=False), _number("seq"), _bytes("hash"), _bytes("prev"),
    Column("kind", Text), Column("site", Text), Column("gate", Text), Column("direction", Text), Column("trip", Text),
    Column("wall_ms", _Number), Column("corrected_ms", _Number), Column("boot", LargeBinary), Column("boottime_ms", _Number),
    Column("clock", Text),
    Column("key_id", Text), Column("epoch", Text), _name("status"), Column("reason", Text), _number("forked"), _number("registered_ms"),
    Column("body", LargeBinary), Column("erased_ms", _Number), Column("method", Text),
    UniqueConstraint("org", "device", "log", "seq", "hash"),  # on a server the ledger sees to it, and `entry_by_number` is (log, seq)
)  # fmt: skip
Index("entry_by_time", func.coalesce(entry.c.corrected_ms, entry.c.wall_ms))
Index("entry_by_epoch", entry.c.epoch)
# A server reads a place's passages from the index alone: in the table each lies on another page.
_READ_AT_A_PLACE = (
    "id", "org", "epoch", "kind", "direction", "log", "seq", "trip", "forked", "method", "wall_ms", "corrected_ms", "clock", "status",
    "registered_ms", "erased_ms",
)  # fmt: skip
Index(
    "entry_by_site", entry.c.site, func.coalesce(entry.c.corrected_ms, entry.c.wall_ms), postgresql_include=_READ_AT_A_PLACE
)  # fmt: skip
# For few of many: in these very words where they are asked, or the indexes are of no use.
IS_CLOCK = entry.c.kind == literal_column("'clock'")
IS_BLIND = entry.c.clock != literal_column("'synchronised'")
IS_ODD = text(
    """CASE WHEN forked = 1 OR coalesce(corrected_ms, wall_ms) > registered_ms + 300000 OR substr(key_id, 1, 10) > epoch
    THEN 1 ELSE 0 END = 1"""
)
for _index, _columns, _few in (
    ("entry_clock", [entry.c.org, entry.c.device, entry.c.boot], IS_CLOCK),
    ("entry_blind", [entry.c.org, entry.c.device, entry.c.boot], IS_BLIND),
    ("entry_odd", [entry.c.org, entry.c.device, entry.c.log], IS_ODD),
):
    Index(_index, *_columns, sqlite_where=_few, postgresql_where=_few)
Index("entry_held", entry.c.id, sqlite_where=text("status = 'held'"), postgresql_where=text("status = 'held'"))
IS_HELD = entry.c.status == literal_column("'held'")  # in these words, or the index is of no use
# what `clock_truth.when` can only bound, again in the index's own words
DOUBTFUL = "((corrected_ms IS NULL AND clock = 'unknown') OR coalesce(corrected_ms, wall_ms) > registered_ms + 300000)"
Index("entry_doubtful", entry.c.site, entry.c.registered_ms, sqlite_where=text(DOUBTFUL), postgresql_where=text(DOUBTFUL))

token = Table(
    "token", metadata,
    _bytes("token", key=True), _name("kind", key=True),
    Column("entry_id", _Number, ForeignKey("entry.id", ondelete="CASCADE"), primary_key=True, nullable=False, autoincrement=False),
    Column("epoch", Text),  # the entry's
    sqlite_with_rowid=False,
)  # fmt: skip
Index("token_by_entry", token.c.entry_id, postgresql_include=("token", "kind", "epoch"))

# Ranges without a hole whose links hold. Never partitioned, never cleared: it outlives the entries.
ledger = Table(
    "ledger", metadata,
    *_log(key=True), _number("first_seq", key=True), _bytes("first_prev"), _number("last_seq"), _bytes("last_hash"),
    sqlite_with_rowid=False,
)  # fmt: skip
Index("ledger_by_log", ledger.c.log)

# Which numbers of a log are of which day; like the ledger it outlives the entries.
day = Table(
    "day", metadata,
    *_log(key=True), _name("day", key=True), _number("first_seq"), _number("last_seq"), _number("entries"),
    sqlite_with_rowid=False,
)  # fmt: skip

# The same for entries made while the network had set the scanner's clock: what `prove` goes by. Without a fork's later branch.
sure_day = Table(
    "sure_day", metadata,
    *_log(key=True), _name("day", key=True), _number("first_seq"), _number("last_seq"),
    sqlite_with_rowid=False,
)  # fmt: skip

# Heads of earlier logs, as a new log's first entry names them: how far the earlier log, maybe of another name, must reach.
announced = Table(
    "announced", metadata,
    *_log(key=True), _number("seq", key=True), _bytes("hash", key=True), _bytes("by_log", key=True),
    sqlite_with_rowid=False,
)  # fmt: skip

alert = Table(
    "alert", metadata,
    Column("id", _Number, primary_key=True), _name("kind"), *_log(key=False), _number("seq"), _bytes("hash"), _number("raised_ms"),
    Column("resolved_ms", _Number),
    UniqueConstraint("org", "device", "log", "seq", "hash", "kind"),
)  # fmt: skip

Index("alert_open", alert.c.log, sqlite_where=alert.c.resolved_ms.is_(None), postgresql_where=alert.c.resolved_ms.is_(None))

quarantine = Table(
    "quarantine", metadata,
    Column("id", _Number, primary_key=True), _bytes("sha256"), _name("topic"), _name("reason"), _name("detail"),
    _number("size"), _bytes("head"), _number("received_ms"), _number("last_ms"), _number("times"),
    UniqueConstraint("sha256", "topic", "reason"),
)  # fmt: skip
Index("quarantine_by_topic", quarantine.c.topic, quarantine.c.last_ms)

# number: SHA-256 of the ticket's, so that a stolen database joins nobody. used_by: the device's public key.
ticket = Table(
    "ticket", metadata,
    _bytes("number", key=True), _name("org"), _name("device"), _name("site"), _name("gate"), _number("expires_ms"),
    Column("used_ms", _Number), Column("used_by", LargeBinary),
    sqlite_with_rowid=False,
)  # fmt: skip

# Devices that wait for an operator: to join by invitation, or for a new certificate when theirs has run out.
waiting = Table(
    "waiting", metadata,
    _bytes("public_key", key=True), _name("wish"), _name("serial"), _number("asked_ms"), Column("approved_ms", _Number),
    Column("org", Text), Column("device", Text), Column("site", Text), Column("gate", Text),
    sqlite_with_rowid=False,
)  # fmt: skip

# Every certificate given to a device: what the revocation list is made from. der: NULL when only its number is known.
certificate = Table(
    "certificate", metadata,
    _name("serial", key=True), _name("org"), _name("device"), _number("ends_ms"), Column("revoked_ms", _Number),
    Column("der", LargeBinary),
    sqlite_with_rowid=False,
)  # fmt: skip

counter = Table("counter", metadata, _name("name", key=True), _number("value"), sqlite_with_rowid=False)

# Every unmasked look, chained by hash. fields: deterministic CBOR; signature: the second officer's over the same bytes. Triggers, made
# by the migrations, refuse to change or clear it.
audit = Table(
    "audit", metadata,
    Column("number", _Number, primary_key=True, autoincrement=False), _bytes("fields"), Column("signature", LargeBinary), _bytes("hash"),
)  # fmt: skip
