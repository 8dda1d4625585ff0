"""For a province's size: what a board, a batch and a list of logs ask has an index of its own; what nobody asks has none."""

from alembic import op

revision = "0010"
down_revision = "0009"

# As one term: SQLite knows the condition of an index again only whole, and takes an OR apart.
_ODD = """CASE WHEN forked = 1 OR coalesce(corrected_ms, wall_ms) > registered_ms + 300000 OR substr(key_id, 1, 10) > epoch
    THEN 1 ELSE 0 END = 1"""
_BOTH = (
    "DROP INDEX entry_by_boot",
    "CREATE INDEX entry_clock ON entry (boot) WHERE kind = 'clock'",
    "CREATE INDEX entry_blind ON entry (boot) WHERE clock <> 'synchronised'",
    f"CREATE INDEX entry_odd ON entry (org, device, log) WHERE {_ODD}",
    "CREATE INDEX alert_open ON alert (log) WHERE resolved_ms IS NULL",
)
# That an entry is stored once, the ledger sees to (decision 0100): here the number alone is looked up, by the log's 16 bytes.
_POSTGRESQL = (
    "ALTER TABLE entry DROP CONSTRAINT entry_org_device_log_seq_hash_epoch_key",
    "CREATE INDEX entry_by_number ON entry (log, seq)",
    # A person's token stands there for each of their passages of the day: without the row's number in it the index is a quarter as large.
    "ALTER TABLE token DROP CONSTRAINT token_token_kind_entry_id_epoch_key",
    "CREATE INDEX token_by_mark ON token (token)",
)


def upgrade() -> None:
    """Changes them."""
    for statement in (*_BOTH, *(_POSTGRESQL if op.get_bind().dialect.name == "postgresql" else ())):
        op.execute(statement)
