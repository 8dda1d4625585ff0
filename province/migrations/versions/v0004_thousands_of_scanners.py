"""For tens of thousands of scanners: what is looked up often has an index; a token says its day."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds them."""
    op.create_index("device_by_key", "device", ["public_key"])
    op.create_index("ledger_by_log", "ledger", ["log"])
    op.add_column("token", sa.Column("epoch", sa.Text))
    op.execute("UPDATE token SET epoch = (SELECT epoch FROM entry WHERE entry.id = token.entry_id)")
