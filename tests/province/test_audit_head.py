"""The head of the audit log that cannot be read at this moment: no word about the log, so nothing is entered, and nothing shown."""

from __future__ import annotations

import pytest
import test_audit
from test_audit import NUMBER, listed, look, typed, verdict

from province.base.layout import Layout

device = test_audit.device


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("action, more", [("find", ("--reason", "case 2", "--json")), ("audit verify", ())])
def test_a_head_that_cannot_be_read_at_the_moment_shows_nothing_and_brands_nothing(
    layout: Layout, action: str, more: tuple[str, ...]
) -> None:
    look(layout)
    head, away = layout.keystore / "audit.head", layout.root / "away"
    head.rename(away)
    head.symlink_to(head)  # ELOOP: there, and not to be read now; root may read whatever has no rights
    ran = typed(f"{NUMBER}\n", *action.split(), layout.root, *more)
    assert (ran.returncode, ran.stdout, "cannot be read now" in ran.stderr) == (1, "", True)
    head.unlink()
    away.rename(head)
    assert look(layout).returncode == 0
    assert verdict(layout)["problems"] == []
    assert [line["action"] for line in listed(layout)] == ["find", "find"]
