"""`gate-agent diagnose`: one file that tells how a scanner is, whatever is broken there, and holds no secret and nobody."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import agent_shell
import pytest
from agent_shell import AGENT, ROOT, enrolled, gate_agent
from real_broker import Config
from sealed_examples import filled
from small_disk import small_disk
from test_agent_commands import BECOMING_NOBODY

from drivers import system_clock
from edge_agent.device.documents import Documents
from edge_agent.device.settings import DeviceSettings
from edge_agent.diagnosis import diagnosis, diagnosis_device, diagnosis_machine
from edge_agent.diagnosis.diagnosis import MAX_BUNDLE_BYTES, Part, Scene
from edge_agent.diagnosis.diagnosis_bundle import bundle
from edge_agent.diagnosis.diagnosis_summary import summarise
from edge_agent.store.outbox import FILE_NAME

settings = agent_shell.settings
NUMBER, PHONE, NAME = "001099012345", "0101234567", "Nguyễn Dấu Vết"
PASSWORD, PIN, TICKET = "hunter-two-is-long", "47110815", "GATE1:T:MARKEDTICKET2345"


def unpacked(data: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {one.name.removeprefix("gate-diagnosis/"): (archive.extractfile(one) or io.BytesIO()).read().decode() for one in archive}


def command(folder: Path, name: str, prints: str = "", script: str = "") -> None:
    """A command of the system, found before the real one."""
    (folder / f"{name}.txt").write_text(prints, "utf-8")
    (folder / name).write_text(f"#!/bin/sh\n{script}\ncat '{folder / name}.txt'\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "commands"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def member(settings: Config) -> None:
    enrolled(settings, 8883)
    filled(settings.state / FILE_NAME, 3)
    settings.runtime.mkdir(exist_ok=True)


def test_the_summary_comes_first_and_the_manifest_tells_what_is_there(settings: Config) -> None:
    member(settings)
    made = bundle(settings.file)
    files = unpacked(made.data)
    assert list(files)[:2] == ["summary.txt", "manifest.json"]
    manifest = json.loads(files["manifest.json"])
    assert manifest["format"] == "gate-scanner-diagnosis/1"
    told = {one["file"]: one for one in manifest["files"]}
    assert set(files) - {"summary.txt", "manifest.json"} == {name for name, one in told.items() if "not_collected" not in one}
    assert all(one["bytes"] == len(files[name].encode()) for name, one in told.items() if "not_collected" not in one)
    assert "private keys" in manifest["left_out"][0]
    assert files["summary.txt"].startswith("gate-scanner: diagnosis of bus-co/scanner-1\n")
    assert "gate-firmware is not running" in files["summary.txt"]
    assert "3 entries wait" in files["summary.txt"]


def test_it_tells_what_somebody_far_away_needs(settings: Config) -> None:
    member(settings)
    (settings.state / "salvaged-1637500000123").mkdir()
    (settings.state / "salvaged-1637500000123" / "outbox.sqlite").write_bytes(b"x" * 77)
    files = unpacked(bundle(settings.file).data)
    enrolment = json.loads(files["enrolment.json"])
    assert enrolment["signing key"]["where"] == "a file"
    assert len(enrolment["signing key"]["fingerprint"]) == 19
    assert enrolment["certificates"]["tls.crt"][0]["name"] == "bus-co/scanner-1"
    assert enrolment["keyring"]["counter"] == 7
    outbox = json.loads(files["outbox.json"])
    assert (outbox["waiting"], outbox["head"]["seq"], len(outbox["head"]["hash"])) == (3, 3, 64)
    names = {one["name"]: one for one in json.loads(files["files.json"])[str(settings.state)]}
    assert names["salvaged-1637500000123/outbox.sqlite"]["bytes"] == 77
    assert "set aside after damage: salvaged-1637500000123" in files["summary.txt"]
    assert json.loads(files["configuration.json"])["agent"]["receipt_timeout_s"] == 0.5
    assert json.loads(files["versions.json"])["libraries"]["cryptography"]
    assert json.loads(files["resources.json"])["disks"][str(settings.state)]["free_bytes"] > 0


def plant(settings: Config, commands: Path) -> dict[str, str]:
    """Secrets and people wherever something is collected from; returns what must not come out, by what it is."""
    member(settings)
    secrets = {"password": PASSWORD, "pin": PIN, "ticket": TICKET, "number": NUMBER, "phone": PHONE}
    for name in ("signing.key", "tls.key"):
        pem = (settings.state / "identity" / name).read_text()
        secrets |= {f"{name} {line}": text for line, text in enumerate(pem.splitlines()) if "-----" not in text}
    pem = (settings.state / "identity" / "signing.key").read_text()
    raw = bytes(range(101, 133))
    secrets |= {"raw key": raw.hex(), "raw base64": base64.b64encode(raw).decode().rstrip("=")}
    secrets["cut pem"] = pem.splitlines()[1][:30]
    leak = (
        f"person {NUMBER} phone {PHONE} and {PHONE[:4]} {PHONE[4:7]} {PHONE[7:]} {TICKET} password={PASSWORD} "
        f"pkcs11:token=gate;object=k?module-path=/x.so&pin-value={PIN} mqtts://gate:{PASSWORD}@host {raw.hex()} "
        f"{base64.b64encode(raw).decode()}\n{pem}\n{pem[:60]}\n"
    )
    for name in ("journalctl", "dmesg", "systemctl", "timedatectl", "chronyc", "ip"):
        command(commands, name, f"StatusText=usb {leak}")
    (settings.state / "check.json").write_text(json.dumps({"findings": [{"part": leak, "verdict": "fault", "detail": leak, leak: 1}]}))
    status = {"pid": os.getpid(), "connected": False, "trouble": leak, "counters": {leak: 1}}
    (settings.runtime / "agent.json").write_text(json.dumps(status))
    (settings.state / f"left-{NUMBER}").touch()
    (settings.state / f"{TICKET}").touch()
    (settings.state / "identity" / "pin").write_text(PIN)
    text = settings.file.read_text().replace("images:x", f"v4l2:/dev/x?pin={PIN}&password={PASSWORD}&phone={PHONE}")
    settings.file.write_text(f"# {PASSWORD} {NAME} {NUMBER}\n{text}")
    with closing(Documents(settings.state)) as documents:
        documents.change(
            "enrolment", lambda before: {**(before or {}), "site": f"{NUMBER} {TICKET}", "host": f"me:{PASSWORD}@nowhere.invalid"}
        )
    return secrets


def forms(text: str) -> set[bytes]:
    found = set()
    for code in ("utf-8", "utf-16-le"):
        data = text.encode(code)
        found |= {data, data.hex().encode(), base64.b64encode(data).rstrip(b"=")}
    return found | {json.dumps(text).encode()[1:-1], text.lower().encode()}


def test_no_secret_and_nobody_is_in_it_wherever_they_lie(settings: Config, commands: Path) -> None:
    secrets = plant(settings, commands)
    made = bundle(settings.file)
    everything = "\n".join(f"{name}\n{text}" for name, text in unpacked(made.data).items()) + made.summary
    found = [name for name, secret in secrets.items() if any(form in everything.encode() for form in forms(secret))]
    assert found == []
    assert NAME not in everything
    assert "‹secret›" in everything
    assert "‹12 digits›" in everything
    assert not [one.part.file for one in made.collected if one.trouble], "each part was collected, and searched"


def test_the_search_would_find_a_secret(settings: Config, commands: Path) -> None:
    secrets = plant(settings, commands)
    parts = [Part("leak.txt", "a leak", lambda _scene: diagnosis.Public(f"…{PASSWORD}…"))]
    made = diagnosis.make(diagnosis.scene_of(settings.file), parts, lambda _collected, _ms: "", 0)
    everything = "".join(unpacked(made.data).values())
    assert any(form in everything.encode() for form in forms(secrets["password"]))


def collected(collect: Callable[[Scene], Any], **how: Any) -> Mapping[str, Any]:
    made = diagnosis.make(
        Scene(DeviceSettings(), None, Path("x")),
        [Part("one.json", "one", collect, **how), Part("two.txt", "two", lambda _scene: "well")],
        lambda found, _ms: str(sorted(found)),
        0,
    )
    files = unpacked(made.data)
    assert files["two.txt"] == "well", "the others are there"
    told: Mapping[str, Any] = json.loads(files["manifest.json"])["files"][0]
    return told


def test_a_part_that_fails_or_hangs_costs_itself_alone_and_says_so() -> None:
    def fails(_scene: Scene) -> str:
        raise ValueError(NUMBER)

    def hangs(_scene: Scene) -> str:
        threading.Event().wait(5)
        return ""

    told = collected(fails)
    assert told["not_collected"].startswith("ValueError (test_diagnosis.py:")
    assert NUMBER not in str(told)
    assert collected(hangs, patience_s=0.05)["not_collected"] == "no answer within 0.05 s"
    assert "cut" in collected(lambda _scene: "line\n" * 1000, most_bytes=100)
    assert "cut" not in collected(lambda _scene: "line\n" * 10, most_bytes=100)


def test_a_command_that_hangs_or_fails_is_told(settings: Config, commands: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis_machine, "_ANSWER_S", 0.2)
    command(commands, "journalctl", script="exec sleep 60")
    command(commands, "systemctl", "System has not been booted with systemd", "trap 'exit 1' EXIT")
    manifest = json.loads(unpacked(bundle(settings.file).data)["manifest.json"])
    told = {one["file"]: one.get("not_collected", "") for one in manifest["files"]}
    assert told["journal-gate-agent.txt"] == "journalctl: no answer within 0.2 s"
    assert told["units.json"] == ""


def test_it_is_never_larger_than_can_be_mailed() -> None:
    parts = (*diagnosis_device.PARTS, *diagnosis_machine.PARTS)
    chance = random.Random(1)
    full = [replace(part, collect=lambda _scene: "\n".join(f"{chance.random():.6f}" for _ in range(20_000))) for part in parts[-3:]]
    made = diagnosis.make(Scene(DeviceSettings(), None, Path("x")), full, lambda _found, _ms: "", 0)
    assert sum(part.most_bytes for part in parts) < MAX_BUNDLE_BYTES
    assert all(len(one.text.encode()) <= one.part.most_bytes and one.cut for one in made.collected)


# ── as someone at a shell meets it ──────────────────────────────────────────────────────────────────────────────────────────────


def test_unenrolled_and_without_a_configuration_it_still_tells(tmp_path: Path) -> None:
    done = gate_agent("diagnose", "--config", tmp_path / "none.toml", "--out", tmp_path)
    assert done.returncode == 0
    [file] = tmp_path.glob("gate-diagnosis-*.tar.gz")
    assert file.stat().st_mode & 0o777 == 0o600
    assert str(file) in done.stdout
    files = unpacked(file.read_bytes())
    assert "no such file" in files["summary.txt"]
    assert "not enrolled" in files["summary.txt"]


def test_a_wrong_setting_is_named_and_the_scanners_own_folders_are_looked_at(settings: Config) -> None:
    member(settings)
    settings.file.write_text(f'{settings.file.read_text()}\n[station]\npin = "{PIN}"\n')
    files = unpacked(bundle(settings.file).data)
    assert "station.pin: not a setting" in files["summary.txt"]
    assert PIN not in "".join(files.values())
    assert "3 entries wait" in files["summary.txt"]
    assert str(settings.state) in json.loads(files["files.json"])


@pytest.mark.parametrize("set_to, gate, told", [("auto", None, True), ("system", None, False), ("auto", "rtc", False)])
def test_the_clock_is_told_as_the_gate_takes_it(
    settings: Config, monkeypatch: pytest.MonkeyPatch, set_to: str, gate: str | None, told: bool
) -> None:
    monkeypatch.setattr(system_clock, "clock_state", lambda: "unknown")
    monkeypatch.setattr(diagnosis_device, "ask_counters", lambda _runtime: gate and {"clock": gate})
    scene = Scene(DeviceSettings(settings.state, settings.runtime, clock=set_to), None, settings.file)
    parts = [part for part in (*diagnosis_device.PARTS, *diagnosis_machine.PARTS) if part.file in {"clock.json", "processes.json"}]
    summary = diagnosis.make(scene, parts, summarise, 0).summary
    assert ("nobody has set the clock" in summary) is told
    assert ("clock unknown" in summary) is told


def test_on_a_full_disk_it_goes_elsewhere(settings: Config, tmp_path: Path) -> None:
    with small_disk(tmp_path / "full", "64k"):
        (tmp_path / "full" / "rest").write_bytes(bytes(4096))
        with pytest.raises(OSError, match="No space"):
            (tmp_path / "full" / "all").write_bytes(bytes(1_000_000))
        done = gate_agent("diagnose", "--config", settings.file, "--out", tmp_path / "full" / "here.tar.gz")
        assert done.returncode == 1
        assert "No space left" in done.stderr
        assert "--out" in done.stderr
        assert sorted(file.name for file in (tmp_path / "full").iterdir()) == ["all", "rest"]
        words = [*AGENT, "diagnose", "--config", str(settings.file), "--out", "-"]
        piped = subprocess.run(words, cwd=ROOT, capture_output=True, check=True)
        assert "summary.txt" in unpacked(piped.stdout)


def test_it_changes_nothing_on_the_device(settings: Config) -> None:
    member(settings)

    def there() -> dict[str, tuple[int, int, int]]:
        return {str(file): (file.stat().st_size, file.stat().st_mtime_ns, file.stat().st_mode) for file in settings.state.rglob("*")}

    before = there()
    bundle(settings.file)
    assert there() == before


@pytest.mark.parametrize("content", [b"torn", os.urandom(9000), b""], ids=["short", "garbage", "empty"])
def test_what_is_damaged_is_told_and_the_rest_collected(settings: Config, content: bytes) -> None:
    member(settings)
    for name in (FILE_NAME, "documents.json", "check.json", "identity/signing.key", "identity/tls.crt"):
        (settings.state / name).write_bytes(content)
    (settings.runtime / "agent.json").write_bytes(content)
    files = unpacked(bundle(settings.file).data)
    assert "outbox:" in files["summary.txt"]
    assert {"versions.json", "files.json", "resources.json", "hardware.json"} <= set(files)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_somebody_who_may_read_nothing_gets_what_there_is(settings: Config) -> None:
    member(settings)
    words = ("diagnose", "--config", str(settings.file), "--out", "-")
    done = subprocess.run([sys.executable, "-c", BECOMING_NOBODY, *words], cwd=ROOT, capture_output=True, check=True)
    assert "versions.json" in unpacked(done.stdout)


def test_help_teaches() -> None:
    told = gate_agent("diagnose", "--help").stdout
    for words in ("/media/stick", "summary.txt", "Exit codes", "changes nothing"):
        assert words in told
    assert "What is wrong" in gate_agent("diagnose", "--summary", "--config", "/nowhere.toml").stdout
