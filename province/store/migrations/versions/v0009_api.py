"""Programs that may ask the API, each with a token of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Makes the table."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "api_client",
        sa.Column("name", sa.Text, primary_key=True, nullable=False), sa.Column("hashed", sa.LargeBinary, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False), sa.Column("org", sa.Text), sa.Column("made_ms", number, nullable=False),
        sa.Column("expires_ms", number, nullable=False), sa.Column("revoked_ms", number), sqlite_with_rowid=False,
    )  # fmt: skip
