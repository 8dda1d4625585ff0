"""What `fleet-notices.toml` may not say: places no message can be sent to; and no secret is ever told back."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.base.errors import NotAProvince
from province.fleet import notice_settings

GOOD = {
    "webhook": {"name": "'w'", "url": "'https://desk.example.vn/alerts'"},
    "mail": {"name": "'m'", "server": "'mail.example.vn'", "user": "'desk'", "sender": "'gate@example.vn'", "to": "['truc@example.vn']"},
}
_FILE = {"webhook": "secret_file", "mail": "password_file"}


def read(folder: Path, kind: str, held_text: str = "0123456789abcdef0123456789abcdef", **changed: str) -> str:
    """What is told of one place whose keys are changed so; "" where nothing is wrong."""
    held = folder / "held"
    held.touch(0o600)
    held.write_text(held_text)
    keys = {**GOOD[kind], _FILE[kind]: f"'{held}'", **changed}
    return refused(folder, f"[[{kind}]]\n" + "\n".join(f"{key} = {value}" for key, value in keys.items()))


def refused(folder: Path, text: str) -> str:
    file = folder / "fleet-notices.toml"
    file.write_text(text)
    told = ""
    try:
        notice_settings.read(file)
    except NotAProvince as error:
        told = str(error)
    assert all(line.startswith(f"{file}: ") for line in told.splitlines())
    return told


@pytest.mark.parametrize(
    "url",
    ["https://h/", "https://h.example.vn.:65535/a?b=c", "https://[::1]:8443/", "https://192.0.2.7/x", "https://xn--bcher-kva.example/%C3%BC",
     f"https://{'a' * 63}.vn"],
)  # fmt: skip
def test_a_place_that_can_be_reached_is_accepted(tmp_path: Path, url: str) -> None:
    assert read(tmp_path, "webhook", url=f"'{url}'") == ""


@pytest.mark.parametrize(
    "url",
    ["https://h:99999/x", "https://h:0/", "https://h:x/", "https://h/ü", "https://ü/", f"https://{'a' * 64}.vn/", "https://a..b/", "https://[bad",
     f"https://{'a.' * 130}vn/", r"https://h/\r\nx: y", r"https://h\r\n/", "https://h/a b", "https:///x", "https://", "https://h/#f"],
)  # fmt: skip
def test_a_url_no_request_can_be_made_of_is_refused(tmp_path: Path, url: str) -> None:
    told = read(tmp_path, "webhook", url=f'"{url}"')
    assert len(told.splitlines()) == 1
    assert "webhook[1].url = " in told
    assert "allowed: https://host" in told


@pytest.mark.parametrize("server", ["mail server", "ü.example.vn", "a" * 64, r"h\r\nRSET", "h:25", "", "[::1]"])
def test_a_server_that_is_no_host_is_refused(tmp_path: Path, server: str) -> None:
    assert "mail[1].server = " in read(tmp_path, "mail", server=f'"{server}"')


@pytest.mark.parametrize("server", ["mail.example.vn", "::1", "192.0.2.7", "localhost"])
def test_a_server_that_is_a_host_is_accepted(tmp_path: Path, server: str) -> None:
    assert read(tmp_path, "mail", server=f"'{server}'") == ""


@pytest.mark.parametrize("password", ["mật khẩu", "two\nlines", ""])
def test_a_password_that_cannot_be_sent_is_refused_unseen(tmp_path: Path, password: str) -> None:
    told = read(tmp_path, "mail", password)
    assert "mail[1].password_file = " in told
    assert not password or password not in told


def test_an_empty_secret_signs_nothing(tmp_path: Path) -> None:
    assert "webhook[1].secret_file = " in read(tmp_path, "webhook", "\n")


@pytest.mark.parametrize("troubles", ['[["x"]]', "[{}]", "[1]"])
def test_troubles_that_are_no_words_are_refused(tmp_path: Path, troubles: str) -> None:
    assert "webhook[1].troubles = " in read(tmp_path, "webhook", troubles=troubles)


@pytest.mark.parametrize(
    "kind, key, value",
    [("mail", "password", "hunter2"), ("mail", "password_file", "hunter2"), ("mail", "password_file", r"hunter2\u0000"),
     ("webhook", "secret", "hunter2"), ("webhook", "secret_file", "hunter2"), ("webhook", "url", "https://user:hunter2@h/x"),
     ("webhook", "url", "https://user:hun/hunter2@h/x"), ("webhook", "url", "https://user:hunter2"), ("webhook", "url", "hunter2"),
     ("webhook", "url", "http://h/hooks/hunter2"), ("webhook", "url", "https://h/x?key=hunter2#f"), ("webhook", "url", "https://[hunter2@h")],
)  # fmt: skip
def test_a_secret_in_the_wrong_place_is_named_and_not_told(tmp_path: Path, kind: str, key: str, value: str) -> None:
    told = read(tmp_path, kind, **{key: f'"{value}"'})
    assert f"{kind}[1].{key}" in told
    assert "allowed: " in told or "no such key" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "text", ["password = 'hunter2'", "[mail]\npassword = 'hunter2'", "webhook = ['hunter2']", "[password]\nof = 'hunter2'"]
)
def test_what_is_no_place_is_named_and_not_told(tmp_path: Path, text: str) -> None:
    told = refused(tmp_path, text)
    assert any(key in told for key in ("password", "mail", "webhook"))
    assert "hunter2" not in told


def test_scheme_host_and_port_of_a_wrong_url_are_told(tmp_path: Path) -> None:
    assert "webhook[1].url = 'https://h:99999/…': allowed" in read(tmp_path, "webhook", url="'https://h:99999/x'")
    assert "webhook[1].url = None: allowed" in refused(tmp_path, "[[webhook]]\nname = 'w'")


def test_more_places_than_there_are_threads_for_are_refused(tmp_path: Path) -> None:
    def many(count: int) -> str:
        keys = {**GOOD["mail"], "name": "'{}'", "user": "''"}
        table = "[[mail]]\n" + "\n".join(f"{key} = {value}" for key, value in keys.items())
        return refused(tmp_path, "\n".join(table.replace("{}", str(number)) for number in range(count)))

    assert many(32) == ""
    assert "33 places; allowed: 32" in many(33)
