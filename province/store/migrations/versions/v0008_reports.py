"""Reports: an entry's method in the clear, daily counts of what is there, figures, reports made and sent."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_DAY = {
    "sqlite": "strftime('%Y-%m-%d', (at_ms + 25200000) / 1000, 'unixepoch')",
    "postgresql": "to_char(to_timestamp((at_ms + 25200000) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
}
# What was registered before has no method: it counts as read by a scanner.
_COUNT = """INSERT INTO day_count (day, org, site, read_in, paper_in, self_in, outs)
    SELECT {day}, org, site, sum(CASE WHEN direction = 'in' THEN 1 ELSE 0 END), 0, 0, sum(CASE WHEN direction = 'out' THEN 1 ELSE 0 END)
    FROM (SELECT org, site, direction, CASE WHEN coalesce(corrected_ms, wall_ms) > registered_ms THEN registered_ms
        ELSE coalesce(corrected_ms, wall_ms) END AS at_ms FROM entry
        WHERE kind = 'passage' AND status = 'registered' AND direction IN ('in', 'out')) AS counted
    GROUP BY 1, org, site"""


def _names(*columns: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, primary_key=True, nullable=False) for name in columns]


def _numbers(*columns: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, _number(), nullable=nullable) for name in columns]


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the tables, and counts the entries that are there."""
    flat = {"sqlite_with_rowid": False}
    op.add_column("entry", sa.Column("method", sa.Text))
    counts = _numbers("read_in", "paper_in", "self_in", "outs")
    op.create_table("day_count", *_names("day", "org", "site"), *counts, **flat)
    texts = [sa.Column(name, sa.Text, nullable=False) for name in ("about", "subject", "figure", "day")]
    op.create_table(
        "report_figure", sa.Column("id", _number(), primary_key=True), *texts, *_numbers("value", nullable=True), *_numbers("at_ms"),
        sa.Column("by_whom", sa.Text, nullable=False),
    )  # fmt: skip
    op.create_index("report_figure_of", "report_figure", ["about", "subject", "figure"])
    content = sa.Column("content", sa.LargeBinary, nullable=False)
    op.create_table("report", *_names("kind", "subject", "day"), *_numbers("made_ms", "due_ms"), content, **flat)
    op.create_index("report_by_day", "report", ["day"])
    op.create_table(
        "report_post", *_names("kind", "subject", "day", "addressee"), *_numbers("tries", "next_ms"),
        *_numbers("trying_ms", "sent_ms", nullable=True), **flat,
    )  # fmt: skip
    op.execute(_COUNT.format(day=_DAY[op.get_bind().dialect.name]))
