"""Makes a register's tables, and brings those of an earlier release to what this one needs: by Alembic, in the open transaction."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext

from province.store.opened import Connection
from province.store.schema import APPLICATION_ID, FIRST_VERSION, SCHEMA_VERSION

_FOLDER = Path(__file__).with_name("migrations")


def _revision(version: int) -> str:
    return f"{version:04}"


def _config(connection: Connection) -> Config:
    if not connection.sqlalchemy.in_transaction():
        connection.sqlalchemy.begin()  # else Alembic would have one of its own
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection.sqlalchemy
    return config


def make(connection: Connection) -> None:
    """Makes all tables in an empty database; call it in a transaction."""
    if connection.is_file:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    _bring_up(connection)


def revision(connection: Connection) -> int | None:
    """The version that the migrations have left, None in a database they never saw."""
    if not sa.inspect(connection.sqlalchemy).has_table("alembic_version"):
        return None
    found = connection.value(sa.select(sa.literal_column("version_num")).select_from(sa.table("alembic_version")))
    return None if found is None else int(found)


def is_empty(connection: Connection) -> bool:
    """Whether a database has no tables."""
    return not sa.inspect(connection.sqlalchemy).get_table_names()


def upgrade(connection: Connection) -> None:
    """Brings a register of an earlier release to this one's version; call it in a transaction."""
    if MigrationContext.configure(connection.sqlalchemy).get_current_revision() is None:  # made before there were migrations
        command.stamp(_config(connection), _revision(FIRST_VERSION))
    _bring_up(connection)


def _bring_up(connection: Connection) -> None:
    command.upgrade(_config(connection), _revision(SCHEMA_VERSION))
    if connection.is_file:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
