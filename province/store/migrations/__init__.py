"""How the register's tables came to be as they are: Alembic's environment, and one file a version."""
