"""The tables of reports: how many passed at each place each day, figures that no scanner knows, reports made and sent. Nobody's data.

What stands here outlives the entries: a total goes back to the first day, long after its passages were destroyed.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from province.store.columns import Number, name, number, octets
from province.store.schema import metadata

# day: YYYY-MM-DD in Vietnam, or YYYY-MM: all days of a month long past, folded. site: as in entries. read_in: people who came in and were
# read by a scanner; paper_in: declared on paper; self_in: by the code of the place with a phone of their own; outs: went out, in any way.
day_count = Table(
    "day_count", metadata,
    name("day", key=True), name("org", key=True), name("site", key=True),
    number("read_in"), number("paper_in"), number("self_in"), number("outs"),
    sqlite_with_rowid=False,
)  # fmt: skip

# about: unit | organisation | site. day: from when on it counts. value: NULL takes back what was told. by_whom: an account, or a user of
# the province's machine.
report_figure = Table(
    "report_figure", metadata,
    Column("id", Number, primary_key=True), name("about"), name("subject"), name("figure"), name("day"), Column("value", Number),
    number("at_ms"), name("by_whom"),
)  # fmt: skip
Index("report_figure_of", report_figure.c.about, report_figure.c.subject, report_figure.c.figure)

# day: the last day counted. subject: the organisation that reports, or empty. content: the report, deflated JSON.
report = Table(
    "report", metadata,
    name("kind", key=True), name("subject", key=True), name("day", key=True), number("made_ms"), number("due_ms"),
    octets("content"),
    sqlite_with_rowid=False,
)  # fmt: skip
Index("report_by_day", report.c.day)

# trying_ms: handed to a mail server that had not answered yet. sent_ms: it took it.
report_post = Table(
    "report_post", metadata,
    name("kind", key=True), name("subject", key=True), name("day", key=True), name("addressee", key=True),
    number("tries"), number("next_ms"), Column("trying_ms", Number), Column("sent_ms", Number),
    sqlite_with_rowid=False,
)  # fmt: skip
