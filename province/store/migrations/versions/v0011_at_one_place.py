"""For boards and tracing on a server: what is read of each passage at a place lies in the indexes, not in as many pages of the table.

Entries of all places lie in the order in which they came, eight to a page: a market's day is as many pages as it has passages. SQLite has
no such index, and no province of that size.
"""

from alembic import op

revision = "0011"
down_revision = "0010"

_READ = "id, org, epoch, kind, direction, log, seq, trip, forked, method, wall_ms, corrected_ms, clock, status, registered_ms, erased_ms"
_POSTGRESQL = (
    "DROP INDEX entry_by_site",
    f"CREATE INDEX entry_by_site ON entry (site, coalesce(corrected_ms, wall_ms)) INCLUDE ({_READ})",
    "DROP INDEX token_by_entry",
    "CREATE INDEX token_by_entry ON token (entry_id) INCLUDE (token, kind, epoch)",
)


def upgrade() -> None:
    """Makes them anew."""
    for statement in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else ():
        op.execute(statement)
