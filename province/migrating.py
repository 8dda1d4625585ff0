"""Makes a register's tables, and brings those of an earlier release to what this one needs: by Alembic, in the open transaction."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext

from province.opened import Connection
from province.schema import APPLICATION_ID, FIRST_VERSION, SCHEMA_VERSION

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
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    _bring_up(connection)


def upgrade(connection: Connection) -> None:
    """Brings a register of an earlier release to this one's version; call it in a transaction."""
    if MigrationContext.configure(connection.sqlalchemy).get_current_revision() is None:  # made before there were migrations
        command.stamp(_config(connection), _revision(FIRST_VERSION))
    _bring_up(connection)


def _bring_up(connection: Connection) -> None:
    command.upgrade(_config(connection), _revision(SCHEMA_VERSION))
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
