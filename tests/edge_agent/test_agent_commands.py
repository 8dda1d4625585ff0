"""`gate-agent enrol`, `status` and help as someone at a shell meets them: exit codes, messages and never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import agent_shell
import pytest
from agent_shell import AGENT, ROOT, enrolled, gate_agent
from real_broker import Config, bundle, write_bundle
from sealed_examples import filled
from uplink_world import AUTHORITY

from edge_agent.device.control import SOCKET_NAME
from edge_agent.device.mounts import CARD
from edge_agent.store.outbox import FILE_NAME

settings = agent_shell.settings

# It becomes nobody only once everything is loaded: the environment may lie where nobody may not look.
BECOMING_NOBODY = """
import os, sys
import edge_agent.shell.run_command, edge_agent.shell.status_command
import edge_agent.shell.diagnose_command, edge_agent.diagnosis.diagnosis_bundle
from edge_agent.__main__ import main
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(main())
"""
AS_NOBODY = (sys.executable, "-c", BECOMING_NOBODY)


# ── enrol ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_enrolling_says_where_and_what_to_do_with_the_file(settings: Config) -> None:
    file = write_bundle(settings.file.parent, bundle(AUTHORITY, 8883))
    done = gate_agent("enrol", file, "--config", settings.file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"bus-co/scanner-1 enrolled at Chợ Bến Thành, Cổng Nam. Now destroy {file}.\n"
    again = gate_agent("enrol", file, "--state", settings.state)
    assert again.returncode == 0, "the same device is renewed"


def test_a_bad_bundle_or_configuration_is_exit_code_2(settings: Config, tmp_path: Path) -> None:
    fields = bundle(AUTHORITY, 8883)
    del fields["root"]
    done = gate_agent("enrol", write_bundle(tmp_path, fields), "--config", settings.file)
    assert (done.returncode, done.stdout) == (2, "")
    assert "missing or wrong: root" in done.stderr
    done = gate_agent("enrol", tmp_path / "missing", "--config", settings.file)
    assert done.returncode == 2
    assert "cannot be read" in done.stderr
    done = gate_agent("enrol", tmp_path / "x", "--config", tmp_path / "missing.toml")
    assert done.returncode == 2
    assert "no such file" in done.stderr


def test_a_state_folder_that_refuses_is_exit_code_1(settings: Config, tmp_path: Path) -> None:
    enrolled(settings, 8883)
    fields = bundle(AUTHORITY, 8883) | {"device": "scanner-2"}
    fields["tls_key_pem"], fields["tls_certificate_pem"] = AUTHORITY.issue("bus-co/scanner-2")
    done = gate_agent("enrol", write_bundle(tmp_path, fields), "--config", settings.file)
    assert done.returncode == 1
    assert "enrolled as bus-co/scanner-1" in done.stderr
    (tmp_path / "file").touch()
    done = gate_agent("enrol", write_bundle(tmp_path, fields), "--state", tmp_path / "file")
    assert done.returncode == 1
    assert "cannot be read or written (File exists)" in done.stderr


@pytest.mark.parametrize("words", [("--label",), ("--request", "request.json"), ("--ticket", "GATE1:T:AAAA"), ("bundle.json",)])
def test_a_state_folder_in_memory_is_given_no_keys(settings: Config, tmp_path: Path, words: tuple[str, ...]) -> None:
    state = Path("/dev/shm") / tmp_path.name  # noqa: S108 - the one tmpfs that every Linux has
    text = settings.file.read_text("utf-8").replace("memory = true\n", "").replace(f'"{settings.state}"', f'"{state}"')
    (tmp_path / "gate.toml").write_text(text, "utf-8")
    write_bundle(tmp_path, bundle(AUTHORITY, 8883)).rename(tmp_path / "bundle.json")
    done = gate_agent("enrol", *(str(tmp_path / word) if "." in word else word for word in words), "--config", tmp_path / "gate.toml")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{state} lies in memory (tmpfs)" in done.stderr
    assert not state.exists()
    assert not (tmp_path / "request.json").exists()


ON_A_CARD = f'mount -t tmpfs etc /etc/systemd; mkdir -p {CARD.parent}; touch {CARD}; exec "$@"'


@pytest.mark.parametrize("words", [("run",), ("enrol", "--label")])
def test_a_cards_root_is_given_no_keys_either(settings: Config, tmp_path: Path, words: tuple[str, ...]) -> None:
    state = tmp_path / "on the root"
    if os.geteuid() or tmp_path.stat().st_dev != Path("/usr").stat().st_dev:
        pytest.skip("for root, with a folder for the tests on the root's filesystem")
    text = settings.file.read_text("utf-8").replace("memory = true\n", "").replace(f'"{settings.state}"', f'"{state}"')
    (tmp_path / "gate.toml").write_text(text, "utf-8")
    prepared = ["unshare", "--mount", "sh", "-ec", ON_A_CARD, "sh", *AGENT]
    done = gate_agent(*words, "--config", tmp_path / "gate.toml", command=prepared)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{state} lies on the card's root, not on its partition gate-state" in done.stderr
    assert not state.exists()


# ── status and the rest ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_status_of_a_new_device_says_what_to_do(settings: Config) -> None:
    done = gate_agent("status", "--config", settings.file)
    assert done.returncode == 1
    for told in ("gate-agent enrol BUNDLE", "gate-firmware makes it when it starts", "gate-agent run", "gate-firmware run"):
        assert told in done.stdout


def test_status_tells_what_the_self_test_found(settings: Config) -> None:
    settings.state.mkdir()
    well = {"part": "pins", "verdict": "ok", "detail": "free", "todo": ""}
    broken = {"part": 'camera of lane "in"', "verdict": "fault", "detail": "no frame", "todo": "look at its cable"}
    file = settings.state / "check.json"
    file.write_text(json.dumps({"scope": "parts", "findings": [well, broken]}))
    done = gate_agent("status", "--config", settings.file)
    assert "self-test 2 parts at the first start, 1 at fault; what needs an identity is tested when it has joined" in done.stdout
    assert 'camera of lane "in": no frame → look at its cable' in done.stdout
    for spoilt in ("", "[]", '{"findings": [{"part": 1}]}', '{"findings": 3}', "null"):
        file.write_text(spoilt)
        done = gate_agent("status", "--config", settings.file)
        assert (done.returncode, "self-test" in done.stdout, "Traceback" in done.stderr) == (1, False, False)


def test_status_shows_what_waits(settings: Config) -> None:
    enrolled(settings, 8883)
    filled(settings.state / FILE_NAME, 3)
    done = gate_agent("status", "--config", settings.file, "--json")
    outbox = json.loads(done.stdout)["outbox"]
    assert outbox["waiting"] == 3
    assert outbox["oldest_age_s"] > 0
    assert outbox["head"]["seq"] == 3


@pytest.mark.parametrize("content", [b"torn", os.urandom(9000)], ids=["short", "garbage"])
def test_status_of_a_damaged_outbox_is_told(settings: Config, content: bytes) -> None:
    enrolled(settings, 8883)
    (settings.state / FILE_NAME).write_bytes(content)
    done = gate_agent("status", "--config", settings.file)
    assert done.returncode == 1
    assert "damaged" in done.stdout


def test_status_survives_entries_and_status_files_of_another_shape(settings: Config) -> None:
    enrolled(settings, 8883)
    filled(settings.state / FILE_NAME, 1, lambda _spot: b"not an envelope")
    settings.runtime.mkdir()
    for content in ("", "[]", "{}", '{"pid": "x"}', '{"pid": -5}', "null"):
        (settings.runtime / "agent.json").write_text(content)
        done = gate_agent("status", "--config", settings.file)
        assert done.returncode == 1
        assert "agent     not running" in done.stdout
        assert "outbox    application/vnd.gate-scanner.entry+cbor: not a COSE_Sign1" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_someone_who_may_not_read_is_told_so(settings: Config) -> None:
    enrolled(settings, 8883)
    filled(settings.state / FILE_NAME, 1)
    for folder in [settings.file.parent, *settings.file.parent.parents]:
        if folder.owner() == "root" and folder.name.startswith(("pytest", "test", "popen")):
            folder.chmod(0o755)
    settings.file.chmod(0o644)
    for command in ("status", "run"):
        done = gate_agent(command, "--config", settings.file, command=AS_NOBODY)
        assert done.returncode == 1, done.stderr
        assert "Permission denied" in done.stdout + done.stderr
        assert "own user" in done.stdout + done.stderr


def test_help_shows_what_to_type() -> None:
    done = gate_agent("--help")
    assert done.returncode == 0
    assert "gate-agent enrol gate-1.bundle.json" in done.stdout
    assert gate_agent().returncode == 2


def test_a_reader_who_leaves_early_is_no_fault(settings: Config) -> None:
    with subprocess.Popen(
        [*AGENT, "status", "--config", str(settings.file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


def test_the_sockets_name_is_what_firmware_serves() -> None:
    assert SOCKET_NAME == "control.sock"
