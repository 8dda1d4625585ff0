"""Who works with the province."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _of_account(*, key: bool) -> "sa.Column[str]":
    return sa.Column("account", sa.Text, sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=key, nullable=False)


def upgrade() -> None:
    """Makes their tables."""
    op.create_table(
        "account",
        sa.Column("id", sa.Text, primary_key=True, nullable=False), sa.Column("name", sa.LargeBinary, nullable=False),
        sa.Column("role", sa.Text, nullable=False), sa.Column("org", sa.Text), sa.Column("unit", sa.Text),
        sa.Column("commands", _NUMBER, nullable=False, server_default="0"), sa.Column("hashed", sa.Text, nullable=False),
        sa.Column("totp", sa.LargeBinary), sa.Column("totp_step", _NUMBER, nullable=False, server_default="0"),
        sa.Column("made_ms", _NUMBER, nullable=False),
        sqlite_with_rowid=False,
    )  # fmt: skip
    op.create_table(
        "account_phone",
        sa.Column("token", sa.LargeBinary, primary_key=True, nullable=False), _of_account(key=False),
        sa.Column("phone", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )  # fmt: skip
    op.create_index("ix_account_phone_account", "account_phone", ["account"])
    op.create_table(
        "account_site", _of_account(key=True), sa.Column("site", sa.Text, primary_key=True, nullable=False), sqlite_with_rowid=False
    )
    op.create_table(
        "account_recovery", _of_account(key=True), sa.Column("hash", sa.LargeBinary, primary_key=True, nullable=False),
        sqlite_with_rowid=False,
    )  # fmt: skip
