"""The tables of reports: how many passed at each place each day, figures that no scanner knows, reports made and sent. Nobody's data.

What stands here outlives the entries: a total goes back to the first day, long after its passages were destroyed.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from province.store.schema import metadata

_Number = BigInteger().with_variant(Integer(), "sqlite")


def _name(column: str, *, key: bool = False) -> Column[str]:
    return Column(column, Text, primary_key=key, nullable=False)


def _number(column: str) -> Column[int]:
    return Column(column, _Number, nullable=False)


# day: YYYY-MM-DD in Vietnam, or YYYY-MM: all days of a month long past, folded. site: as in entries. read_in: people who came in and were
# read by a scanner; paper_in: declared on paper; self_in: by the code of the place with a phone of their own; outs: went out, in any way.
day_count = Table(
    "day_count", metadata,
    _name("day", key=True), _name("org", key=True), _name("site", key=True),
    _number("read_in"), _number("paper_in"), _number("self_in"), _number("outs"),
    sqlite_with_rowid=False,
)  # fmt: skip

# about: unit | organisation | site. day: the figure counts from reports up to this day on. value: NULL takes it back. by_whom: an account or a user.
report_figure = Table(
    "report_figure", metadata,
    Column("id", _Number, primary_key=True), _name("about"), _name("subject"), _name("figure"), _name("day"), Column("value", _Number),
    _number("at_ms"), _name("by_whom"),
)  # fmt: skip
Index("report_figure_of", report_figure.c.about, report_figure.c.subject, report_figure.c.figure)

# day: the last day counted. subject: the organisation that reports, or empty. content: the report, deflated JSON.
report = Table(
    "report", metadata,
    _name("kind", key=True), _name("subject", key=True), _name("day", key=True), _number("made_ms"), _number("due_ms"),
    Column("content", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip
Index("report_by_day", report.c.day)

# trying_ms: handed to a mail server that had not answered yet. sent_ms: it took it.
report_post = Table(
    "report_post", metadata,
    _name("kind", key=True), _name("subject", key=True), _name("day", key=True), _name("addressee", key=True),
    _number("tries"), _number("next_ms"), Column("trying_ms", _Number), Column("sent_ms", _Number),
    sqlite_with_rowid=False,
)  # fmt: skip
