"""Each command, killed by SIGKILL at some of its steps: done at most once, its end told, in one way. `make kills` takes every step."""

from __future__ import annotations

import pytest
from command_matrix import sweep

from edge_agent.wire.command import Action


@pytest.mark.parametrize("action", Action)
def test_killed_at_any_step_it_is_done_at_most_once_and_its_end_is_told(action: Action) -> None:
    row = sweep(action, 9, first=1 + len(action) % 5)  # not the same steps of each
    assert row.wrong == []
    assert row.kills >= 4
    assert {"-", "accepted"} & set(row.found), "before it was taken, and after"
