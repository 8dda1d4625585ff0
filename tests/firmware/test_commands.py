"""`gate-firmware read` and `parse` as someone at a shell meets them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from qr_pictures import picture_of

from firmware.__main__ import main
from firmware.pictures import load_grey
from province.demo.synthetic_passes import new_issuer, pass_claims, pass_text, trust_list

ROOT = Path(__file__).parents[2]
CARD = "001099012345||Nguyễn Văn A|15031999|Nam||10052021"
GATE_FIRMWARE = [sys.executable, "-m", "firmware"]


def objects(printed: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in printed.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(picture_of(CARD)).save(tmp_path / "b-card.png")
    Image.fromarray(np.full((50, 60), 255, dtype=np.uint8)).save(tmp_path / "a-blank.JPG")
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def parse(lines: bytes, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    return main(["parse", *options])


def test_read_json_gives_one_object_a_picture_in_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", "--json", str(folder)]) == 0
    blank, card = objects(capsys.readouterr().out)
    assert (blank["file"], blank["texts"]) == (str(folder / "a-blank.JPG"), [])
    assert (card["file"], card["texts"]) == (str(folder / "b-card.png"), [CARD])
    assert isinstance(card["ms"], float)
    assert set(card) == {"file", "texts", "ms", "look_ms"}
    assert [len(answer["look_ms"]) for answer in (blank, card)] == [5, 1]  # type: ignore[arg-type]
    assert main(["read", "--json", "--looks", "2", str(folder)]) == 0
    assert len(objects(capsys.readouterr().out)[0]["look_ms"]) == 2  # type: ignore[arg-type]


def test_read_goes_on_past_files_it_cannot_open(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = (folder / "b-card.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").touch()
    (folder / "none").mkdir()
    files = [str(folder / name) for name in ("absent.png", "notes.txt", "cut.png", "empty.png", "none", "b-card.png")]
    assert main(["read", "--json", *files]) == 1
    answers = objects(capsys.readouterr().out)
    assert [answer["file"] for answer in answers] == files
    assert all(set(answer) == {"file", "error"} and answer["error"] for answer in answers[:-1])
    assert answers[0]["error"] == "No such file or directory"
    assert answers[-1]["texts"] == [CARD]


def test_read_refuses_what_is_no_file_at_once_and_a_picture_too_large_in_its_row(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(folder / "pipe.png")  # nobody writes to it: opening it the usual way never returns
    Image.new("1", (12000, 12000)).save(folder / "vast.png")
    files = [str(folder / "pipe.png"), "/dev/zero", str(folder / "vast.png"), str(folder / "b-card.png")]
    assert main(["read", "--json", *files]) == 1
    printed = capfd.readouterr()
    pipe, zero, vast, card = objects(printed.out)
    assert "no regular file" in str(pipe["error"])
    assert "no regular file" in str(zero["error"])
    assert vast["error"] == "it has more than 89 million pixels: shrink it first"
    assert card["texts"] == [CARD]
    assert printed.err == ""


def test_read_shows_a_table_that_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(picture_of("evil\x1b[2Jtext")).save(tmp_path / "evil.png")
    assert main(["read", str(tmp_path), str(tmp_path / "absent.png")]) == 1
    printed = capsys.readouterr().out
    assert "evil\\x1b[2Jtext" in printed
    assert "\x1b" not in printed
    assert "absent.png: not opened: No such file" in printed


def test_pictures_of_every_kind_become_grey_on_white(tmp_path: Path) -> None:
    grey = picture_of(CARD)
    clear = np.zeros((*grey.shape, 4), dtype=np.uint8)
    clear[..., 3] = 255 - grey  # black modules on nothing
    kinds = {
        "rgba.png": Image.fromarray(clear),
        "deep.png": Image.fromarray(grey.astype(np.uint16) * 257),
        "bits.png": Image.fromarray(grey).convert("1"),
        "palette.gif": Image.fromarray(grey).convert("P"),
        "colour.bmp": Image.fromarray(grey).convert("RGB"),
    }
    for name, picture in kinds.items():
        picture.save(tmp_path / name)
        loaded = load_grey(tmp_path / name)
        assert loaded.dtype == np.uint8
        assert np.array_equal(loaded, grey), name


def test_parse_answers_each_line_in_order(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [CARD.encode(), b"", b"\xff\xfe", b"hello", CARD.replace("1503", "3102").encode() + b"\r", b"x" * 100_000, CARD.encode()]
    assert parse(b"\n".join(lines), monkeypatch, "--json") == 0
    answers = objects(capsys.readouterr().out)
    assert [answer.get("error") for answer in answers] == [None, "empty", "not-utf-8", "unknown-format", "bad-date", "too-long", None]
    assert answers[0] == answers[-1]
    assert (answers[0]["scheme"], answers[0]["name"], answers[0]["warnings"]) == ("cccd", "Nguyễn Văn A", [])


def test_parse_verifies_passes_against_a_list_and_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    since = datetime(2022, 1, 1, tzinfo=UTC)
    issuer, trusted = new_issuer("ES256", "VN", since), tmp_path / "trust.json"
    trusted.write_text(json.dumps(trust_list(issuer)), encoding="utf-8")
    content = {"nam": {"fn": "Nguyễn", "gn": "Văn A"}, "dob": "1999-03-15"}
    line = pass_text(issuer, pass_claims(content, since, since + timedelta(days=100))).encode() + b"\n"
    for options, answer, name in (
        (["--trust", str(trusted), "--at", "2022-03-01T08:00:00+07:00"], "valid", "NGUYEN VAN A"),
        (["--trust", str(trusted), "--at", "now"], "expired", "NGUYEN VAN A"),
        (["--trust", str(trusted)], "clock-unknown", "NGUYEN VAN A"),
        ([], "issuer-unknown", None),
    ):
        assert parse(line, monkeypatch, "--json", *options) == 0
        [told] = objects(capsys.readouterr().out)
        assert (told["kind"], told["answer"], told["name"]) == ("health-pass", answer, name)
    trusted.write_text("{}", encoding="utf-8")
    assert parse(line, monkeypatch, "--trust", str(trusted)) == 2
    printed = capsys.readouterr()
    assert (printed.out, "format: must be" in printed.err) == ("", True)
    with pytest.raises(SystemExit, match="2"):
        parse(line, monkeypatch, "--at", "soon")


def test_parse_says_nothing_private_of_other_codes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = b"WIFI:T:WPA;S:secret;P:secret;;\nGATE1:T:SECRET\nGATE1:S:SECRET\nhttps://example.org/secret\n"
    for options in (["--json"], []):
        assert parse(lines, monkeypatch, *options) == 0
        printed = capsys.readouterr().out
        assert "secret" not in printed.lower()
        assert all(kind in printed for kind in ("wifi", "enrolment-ticket", "site-code", "unknown"))


def test_parse_shows_people_by_default(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(f"{CARD.replace('Nam', 'Nữ')}\nhello\n".encode(), monkeypatch) == 0
    printed = capsys.readouterr().out
    assert "name         Nguyễn Văn A\n" in printed
    assert "warnings     sex-mismatch\n" in printed
    assert "not a person's code: unknown-format: " in printed


@pytest.mark.parametrize(
    "line",
    [[], ["read"], ["bogus"], ["parse", "x"], ["read", "--bogus", "x"], ["read", "--looks", "0", "x"], ["read", "--looks", "x", "x"]],
)
def test_a_wrong_command_line_is_exit_code_2(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(line)
    assert left.value.code == 2
    assert "usage: gate-firmware" in capsys.readouterr().err


@pytest.mark.parametrize("line", [["--help"], ["read", "--help"], ["parse", "--help"]])
def test_help_shows_examples_and_loads_no_heavy_library(line: list[str]) -> None:
    probe = (
        "import sys\nfrom firmware.__main__ import main\n"
        f"try: main({line!r})\nexcept SystemExit as left: code = left.code\n"
        "print('heavy:', sorted({'numpy', 'PIL', 'zxingcpp', 'pyzbar', 'cryptography'} & set(sys.modules)), code)"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "examples:" in done.stdout
    assert done.stdout.endswith("heavy: [] 0\n")


def test_a_closed_pipe_is_quiet() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run([*GATE_FIRMWARE, "parse"], cwd=ROOT, input=b"hello\n" * 1000, stdout=theirs, stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (141, b"")


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        @property
        def buffer(self) -> object:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Interrupted())
    assert main(["parse"]) == 130


def test_a_locale_without_vietnamese_letters_still_gets_an_answer() -> None:
    done = subprocess.run(
        [*GATE_FIRMWARE, "parse"],
        cwd=ROOT,
        input=CARD.encode(),
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert b"Nguy\\u1ec5n" in done.stdout
