"""Units, organisations, and of a site more than its name: what a province with fifty thousand of them reports on and looks up.

A register's sites are carried over whole: each gets its site code, and its organisation a line of its own.
"""

import base64
import hashlib
import secrets
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def _key(text: str) -> str:
    """As `province.registry.places` made keys when this version was made."""
    plain = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    letters = "".join(char if char.isalnum() else " " for char in plain if not unicodedata.combining(char))
    return " ".join(word for word in letters.split() if word not in {"so", "duong", "pho"})


def _code() -> str:
    """As `province.registry.site_codes` makes them."""
    letters = "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(12))
    return letters + base64.b32encode(hashlib.sha256(b"gate-scanner site code 1:" + letters.encode()).digest())[:4].decode()


def upgrade() -> None:
    """Makes the tables, adds the columns, fills them for what is there."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "unit",
        sa.Column("id", sa.Text, primary_key=True, nullable=False), sa.Column("level", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False), sa.Column("parent", sa.Text, sa.ForeignKey("unit.id")),
        sa.Column("closed_ms", number), sqlite_with_rowid=False,
    )  # fmt: skip
    op.create_index("unit_by_parent", "unit", ["parent"])
    op.create_table(
        "organisation",
        sa.Column("id", sa.Text, primary_key=True, nullable=False), sa.Column("name", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, sa.ForeignKey("unit.id")), sa.Column("parent", sa.Text, sa.ForeignKey("organisation.id")),
        sa.Column("sector", sa.Text, nullable=False), sa.Column("closed_ms", number), sqlite_with_rowid=False,
    )  # fmt: skip
    op.create_index("organisation_by_parent", "organisation", ["parent"])
    op.create_index("organisation_by_unit", "organisation", ["unit"])
    # in plain words: SQLite adds a column with its reference only so
    whole = "BIGINT" if op.get_bind().dialect.name == "postgresql" else "INTEGER"
    for column in (
        "unit TEXT REFERENCES unit(id)", "plate TEXT", "route TEXT", f"begins_ms {whole}", f"ends_ms {whole}",
        f"registered_ms {whole} NOT NULL DEFAULT 0", f"closed_ms {whole}", "monitored_by TEXT REFERENCES organisation(id)",
        "code TEXT NOT NULL DEFAULT ''", "place_key TEXT NOT NULL DEFAULT ''", "plate_key TEXT",
    ):  # fmt: skip
        op.execute(f"ALTER TABLE site ADD COLUMN {column}")
    _carry_over()
    op.create_index("site_by_code", "site", ["code"], unique=True)
    for index, columns in (
        ("place", ["place_key"]), ("plate", ["plate_key"]), ("unit", ["unit"]), ("org", ["org", "name"]), ("monitor", ["monitored_by"]),
    ):  # fmt: skip
        op.create_index(f"site_by_{index}", "site", columns)


def _carry_over() -> None:
    connection = op.get_bind()
    connection.execute(sa.text("INSERT INTO organisation(id, name, sector) SELECT DISTINCT org, org, 'other' FROM site"))
    sites = connection.execute(sa.text("SELECT id, name, address FROM site")).all()
    rows = [{"id": id_, "code": _code(), "key": f"{_key(name)}|{_key(address)}"} for id_, name, address in sites]
    if rows:
        connection.execute(sa.text("UPDATE site SET code = :code, place_key = :key WHERE id = :id"), rows)
