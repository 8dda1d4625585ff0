"""The living province's case: its tracing officer has opened one for whoever fell ill, so that there is something to trace."""

from __future__ import annotations

from contextlib import closing

from province.base.layout import Layout
from province.demo.living import Living
from province.demo.living_accounts import Login
from province.keys.keystore import Keystore
from province.looks.looking import Looker
from province.store import database
from province.tracing import rules
from province.tracing.cases import Case
from province.tracing.desk import Desk


def open_case(layout: Layout, living: Living, officer: Login, at_ms: int) -> Case:
    """Opens it, with its line in the audit log.

    Raises:
        ProvinceError: it cannot be opened.
    """
    with closing(database.connect(layout.register)) as connection:
        desk = Desk(layout, Keystore(layout.keystore), connection, rules.read(layout.tracing_rules), at_ms)
        return desk.open(Looker(officer.id, "ca F0 thử nghiệm · trial case"), living.f0.id_number)
