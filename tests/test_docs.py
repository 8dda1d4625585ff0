"""The check of the docs finds what is broken, and only that; the docs as they are pass it."""

from __future__ import annotations

from pathlib import Path

import check_docs
import docs_commands
import pytest

PAGE = """\
# A page

See [the other](other.md#tử-đèn), ![a lamp](lamp.svg), [elsewhere](https://example.org/nowhere) and `gate-agent status`.

```sh
sudo gate-agent gate close --config x.toml   # nobody comes in
gate-province collect DIR & gate-firmware run
make lint && make bench ARGS=drain
```

```toml
[gate]
repeat_s = 30
[[lane]]
name = "in"
```
"""


def found(folder: Path, text: str) -> list[str]:
    page = folder / "page.md"
    page.write_text(text, "utf-8")
    (folder / "other.md").write_text("# Other\n## Từ đèn\n## Từ đèn\n", "utf-8")
    (folder / "lamp.svg").write_text("<svg/>", "utf-8")
    check_docs.read.cache_clear()
    return list(check_docs.problems(page, folder))


def test_the_docs_as_they_are() -> None:
    check_docs.read.cache_clear()
    assert check_docs.main() == 0
    assert {"README.md", "design.md"} <= {page.name for page in check_docs.pages()}


def test_a_right_page(tmp_path: Path) -> None:
    assert found(tmp_path, PAGE.replace("tử-đèn", "từ-đèn-1")) == []


@pytest.mark.parametrize(
    "before, after, said",
    [
        ("other.md#tử-đèn", "others.md", "page.md:3: link to others.md leads nowhere"),
        ("other.md#tử-đèn", "other.md#chiều", "no heading of that name"),
        ("other.md#tử-đèn", "#a-pages", "no heading of that name"),
        ("other.md#tử-đèn", "/etc/passwd", "not below the project's folder"),
        ("other.md#tử-đèn", "../../etc", "not below the project's folder"),
        ("lamp.svg", "lamps.svg", "link to lamps.svg leads nowhere"),
        ("![a lamp]", "![]", "has no words"),
        ("`gate-agent status`", "`gate-agent dance`", "gate-agent has no command 'dance'"),
        ("`gate-agent status`", "`tests/test_nothing.py`", "there is no tests/test_nothing.py here"),
        ("`gate-agent status`", "`gate-province device dance`", "gate-province device has no command 'dance'"),
        ("--config x.toml", "--configuration x.toml", "page.md:5: `gate-agent gate close --configuration x.toml`"),
        ("gate close", "gate shut", "invalid choice: 'shut'"),
        ("collect DIR &", "collect &", "required: DIR"),
        ("make lint", "make lints", "the Makefile has no target 'lints'"),
        ("ARGS=drain", "ARGS=tests/nothing.py", "there is no tests/nothing.py"),
        ("[gate]", "[gates]", "no section [gates]"),
        ("repeat_s", "repeat_ms", "no setting 'repeat_ms'"),
        ("repeat_s = 30", "repeat_s =", "not TOML"),
        ("[elsewhere]", "see /home/somebody/clone [elsewhere]", "a path of one machine"),
    ],
)
def test_what_is_broken_is_named(tmp_path: Path, before: str, after: str, said: str) -> None:
    page = PAGE.replace("tử-đèn", "từ-đèn") if "tử" not in before else PAGE
    assert before in page
    problems = found(tmp_path, page.replace(before, after))
    assert len(problems) == 1
    assert said in problems[0]


def test_a_command_over_several_lines_is_one() -> None:
    commands = list(docs_commands.commands_in("gate-province init ./trial \\\n    --host mqtt.example.vn 2>log | tee x"))
    assert commands == [["gate-province", "init", "./trial", "--host", "mqtt.example.vn"], ["tee", "x"]]


def test_what_is_not_ours_is_left_alone() -> None:
    assert docs_commands.problem(["journalctl", "-u", "gate-firmware", "--nothing"], whole=True) is None
    assert docs_commands.problem(["gate-province", "approve", "…"], whole=True) is None
