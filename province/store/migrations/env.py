"""What Alembic runs to change a register: on the connection it is given, in the transaction that is open there."""

from alembic import context

from province.store import accounts_tables  # noqa: F401 - its tables are among them
from province.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
