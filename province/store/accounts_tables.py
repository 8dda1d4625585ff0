"""The tables of who works with the province. Names, phones and secrets are closed; a phone is found by its token."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Table, Text

from province.store.schema import metadata

_Number = BigInteger().with_variant(Integer(), "sqlite")


def _of_account(*, key: bool) -> Column[str]:
    return Column("account", Text, ForeignKey("account.id", ondelete="CASCADE"), primary_key=key, nullable=False, index=not key)


# name: closed for ("name", id). hashed: of the password, Argon2id in PHC form. totp: the secret of the second step, closed for
# ("totp", id), NULL until it is set up; totp_step: of the last code taken, which is taken once. commands: whether they may send some.
account = Table(
    "account", metadata,
    Column("id", Text, primary_key=True, nullable=False), Column("name", LargeBinary, nullable=False), Column("role", Text, nullable=False),
    Column("org", Text), Column("unit", Text), Column("commands", _Number, nullable=False, server_default="0"),
    Column("hashed", Text, nullable=False), Column("totp", LargeBinary), Column("totp_step", _Number, nullable=False, server_default="0"),
    Column("made_ms", _Number, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip

# token: HMAC of the number under the people's token key. phone: the number, closed for ("phone", account).
account_phone = Table(
    "account_phone", metadata,
    Column("token", LargeBinary, primary_key=True, nullable=False), _of_account(key=False), Column("phone", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip

account_site = Table(
    "account_site", metadata, _of_account(key=True), Column("site", Text, primary_key=True, nullable=False), sqlite_with_rowid=False
)

# hash: SHA-256 of a recovery code (80 random bits), which is taken once in the place of the second step.
account_recovery = Table(
    "account_recovery", metadata, _of_account(key=True), Column("hash", LargeBinary, primary_key=True, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip
