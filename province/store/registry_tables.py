"""The registry's tables: administrative units, organisations, sites and their gates. Nothing of a person is in them.

Source: decision 0102. Made and changed by `migrations/`, like those of schema.py.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text, text

from province.store.columns import Number, name
from province.store.schema import metadata

unit = Table(
    "unit", metadata,
    name("id", key=True), name("level"), name("name"), Column("parent", Text, ForeignKey("unit.id")), Column("closed_ms", Number),
    sqlite_with_rowid=False,
)  # fmt: skip
Index("unit_by_parent", unit.c.parent)

organisation = Table(
    "organisation", metadata,
    name("id", key=True), name("name"), Column("unit", Text, ForeignKey("unit.id")), Column("parent", Text, ForeignKey("organisation.id")),
    name("sector"), Column("closed_ms", Number),
    sqlite_with_rowid=False,
)  # fmt: skip
Index("organisation_by_parent", organisation.c.parent)
Index("organisation_by_unit", organisation.c.unit)

# registered_ms: 0 of those registered before that was noted. code: the site code's letters. place_key, plate_key: name and address, and
# number plate, without what people write differently (places.py): two open sites with the same are one place registered twice.
site = Table(
    "site", metadata,
    name("id", key=True), name("org"), name("name"), name("category"), name("address"),
    Column("unit", Text, ForeignKey("unit.id")), Column("plate", Text), Column("route", Text),
    Column("begins_ms", Number), Column("ends_ms", Number),
    Column("registered_ms", Number, nullable=False, server_default=text("0")), Column("closed_ms", Number),
    Column("monitored_by", Text, ForeignKey("organisation.id")),
    Column("code", Text, nullable=False, server_default=""), Column("place_key", Text, nullable=False, server_default=""),
    Column("plate_key", Text),
    sqlite_with_rowid=False,
)  # fmt: skip
Index("site_by_code", site.c.code, unique=True)
Index("site_by_place", site.c.place_key)
Index("site_by_plate", site.c.plate_key)
Index("site_by_unit", site.c.unit)
Index("site_by_org", site.c.org, site.c.name)  # as entries name it
Index("site_by_monitor", site.c.monitored_by)

gate = Table(
    "gate", metadata,
    Column("site", Text, ForeignKey("site.id"), primary_key=True, nullable=False), name("name", key=True),
    sqlite_with_rowid=False,
)  # fmt: skip
