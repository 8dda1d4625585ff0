"""The register as it was before there were migrations, version 3. Stands on purpose again in tests/province/register_of_version_3.py.

That one is what releases made, this one what we make of nothing now: a test holds them equal, so neither is changed alone, nor at all.
"""

from alembic import op

revision = "0003"
down_revision = None

_SQLITE = (
    """CREATE TABLE device(
        org TEXT NOT NULL, device TEXT NOT NULL, site TEXT NOT NULL, gate TEXT NOT NULL,
        public_key BLOB NOT NULL, kid BLOB NOT NULL, certificate_serial TEXT NOT NULL,
        status TEXT NOT NULL DEFAULT 'active', added_ms INTEGER NOT NULL,
        PRIMARY KEY(org, device)) WITHOUT ROWID""",
    # hash: of the envelope. direction, trip: of registered passages. wall_ms: as the device claims; corrected_ms: as later known.
    # epoch: the day whose keys close the body. body: registered: nonce and AES-256-GCM under the day's data key; held: the whole
    # envelope; expired or erased (erased_ms): NULL.
    """CREATE TABLE entry(
        id INTEGER PRIMARY KEY,
        org TEXT NOT NULL, device TEXT NOT NULL, log BLOB NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL, prev BLOB NOT NULL,
        kind TEXT, site TEXT, gate TEXT, direction TEXT, trip TEXT,
        wall_ms INTEGER, corrected_ms INTEGER, boot BLOB, boottime_ms INTEGER, clock TEXT,
        key_id TEXT, epoch TEXT, status TEXT NOT NULL, reason TEXT, forked INTEGER NOT NULL, registered_ms INTEGER NOT NULL,
        body BLOB, erased_ms INTEGER,
        UNIQUE(org, device, log, seq, hash))""",
    "CREATE INDEX entry_by_time ON entry(coalesce(corrected_ms, wall_ms))",
    "CREATE INDEX entry_by_epoch ON entry(epoch)",
    "CREATE INDEX entry_by_boot ON entry(org, device, boot, kind)",
    "CREATE INDEX entry_held ON entry(id) WHERE status = 'held'",
    """CREATE TABLE token(
        token BLOB NOT NULL, kind TEXT NOT NULL, entry_id INTEGER NOT NULL REFERENCES entry(id) ON DELETE CASCADE,
        PRIMARY KEY(token, kind, entry_id)) WITHOUT ROWID""",
    "CREATE INDEX token_by_entry ON token(entry_id)",
    # Ranges without a hole whose links hold. Never partitioned, never cleared: it outlives the entries.
    """CREATE TABLE ledger(
        org TEXT NOT NULL, device TEXT NOT NULL, log BLOB NOT NULL,
        first_seq INTEGER NOT NULL, first_prev BLOB NOT NULL, last_seq INTEGER NOT NULL, last_hash BLOB NOT NULL,
        PRIMARY KEY(org, device, log, first_seq)) WITHOUT ROWID""",
    # Which numbers of a log are of which day; like the ledger it outlives the entries.
    """CREATE TABLE day(
        org TEXT NOT NULL, device TEXT NOT NULL, log BLOB NOT NULL, day TEXT NOT NULL,
        first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, entries INTEGER NOT NULL,
        PRIMARY KEY(org, device, log, day)) WITHOUT ROWID""",
    # The same for entries made while the network had set the scanner's clock: what `prove` goes by. Without a fork's later branch.
    """CREATE TABLE sure_day(
        org TEXT NOT NULL, device TEXT NOT NULL, log BLOB NOT NULL,
        day TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
        PRIMARY KEY(org, device, log, day)) WITHOUT ROWID""",
    # Heads of earlier logs, as a new log's first entry names them: how far the earlier log, maybe of another name, must reach.
    """CREATE TABLE announced(
        org TEXT NOT NULL, device TEXT NOT NULL, log BLOB NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL, by_log BLOB NOT NULL,
        PRIMARY KEY(org, device, log, seq, hash, by_log)) WITHOUT ROWID""",
    """CREATE TABLE alert(
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL, org TEXT NOT NULL, device TEXT NOT NULL, log BLOB NOT NULL, seq INTEGER NOT NULL,
        hash BLOB NOT NULL, raised_ms INTEGER NOT NULL, resolved_ms INTEGER,
        UNIQUE(org, device, log, seq, hash, kind))""",
    """CREATE TABLE quarantine(
        id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, topic TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
        size INTEGER NOT NULL, head BLOB NOT NULL, received_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, times INTEGER NOT NULL,
        UNIQUE(sha256, topic, reason))""",
    "CREATE INDEX quarantine_by_topic ON quarantine(topic, last_ms)",
    """CREATE TABLE site(
        id TEXT PRIMARY KEY, org TEXT NOT NULL, name TEXT NOT NULL, category TEXT NOT NULL, address TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE TABLE gate(site TEXT NOT NULL REFERENCES site(id), name TEXT NOT NULL, PRIMARY KEY(site, name)) WITHOUT ROWID",
    # number: SHA-256 of the ticket's, so that a stolen database joins nobody. used_by: the device's public key.
    """CREATE TABLE ticket(
        number BLOB PRIMARY KEY, org TEXT NOT NULL, device TEXT NOT NULL, site TEXT NOT NULL, gate TEXT NOT NULL,
        expires_ms INTEGER NOT NULL, used_ms INTEGER, used_by BLOB) WITHOUT ROWID""",
    # Devices that wait for an operator: to join by invitation, or for a new certificate when theirs has run out.
    """CREATE TABLE waiting(
        public_key BLOB PRIMARY KEY, wish TEXT NOT NULL, serial TEXT NOT NULL, asked_ms INTEGER NOT NULL, approved_ms INTEGER,
        org TEXT, device TEXT, site TEXT, gate TEXT) WITHOUT ROWID""",
    # Every certificate given to a device: what the revocation list is made from. der: NULL when only its number is known.
    """CREATE TABLE certificate(
        serial TEXT PRIMARY KEY, org TEXT NOT NULL, device TEXT NOT NULL, ends_ms INTEGER NOT NULL, revoked_ms INTEGER,
        der BLOB) WITHOUT ROWID""",
    "CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    # Every unmasked look, chained by hash. fields: deterministic CBOR; signature: the second officer's over the same bytes.
    """CREATE TABLE audit(
        number INTEGER PRIMARY KEY, fields BLOB NOT NULL, signature BLOB, hash BLOB NOT NULL)""",
    "CREATE TRIGGER audit_keeps BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END",
    "CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is never cleared'); END",
)


def upgrade() -> None:
    """Makes all tables; on PostgreSQL the next version does."""
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else ():
        op.execute(statement)
