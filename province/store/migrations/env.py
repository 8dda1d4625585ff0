"""What Alembic runs to change a register: on the connection it is given, in the transaction that is open there."""

from alembic import context

from province.store import (  # noqa: F401 - their tables are among them
    accounts_tables,
    api_tables,
    registry_tables,
    report_tables,
    tracing_tables,
)
from province.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
