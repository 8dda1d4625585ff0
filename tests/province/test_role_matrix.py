"""Every route of the province's pages × every role and nobody, by a table of its own: a page that is added must be entered here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest
from old_province import here
from province_world import founded
from web_world import PASSWORD_ONLY, Site, Visitor, served_pages

from province.accounts.account import Role
from province.web.door import TWO_STEPS

ALL: Final = frozenset(Role)
ADMIN: Final = frozenset({Role.ADMIN})
TRACER: Final = frozenset({Role.TRACER})
CASES: Final = TRACER | ADMIN  # who administers sees no person there: numbers masked
REPORTS: Final = frozenset({Role.REPORTER, Role.ADMIN})
SITES: Final = frozenset({Role.KEEPER, Role.SPECIAL})
PUBLIC: Final = frozenset({*Role, None})
BOARDS: Final = SITES | ADMIN  # an administrator's has counts alone
# (method, path) → who may. `None` is nobody. What is said here is what the province decided; the pages say the same in their rooms.
EXPECTED: Final[dict[tuple[str, str], frozenset[Role | None]]] = {
    ("GET", "/"): PUBLIC,
    ("GET", "/static/{section}/{file}"): PUBLIC,
    ("GET", "/{language}/login"): PUBLIC,
    ("POST", "/{language}/login"): PUBLIC,
    ("GET", "/{language}/login/code"): PUBLIC,  # who has given a password a moment ago; others are sent to the login
    ("POST", "/{language}/login/code"): PUBLIC,
    ("GET", "/{language}/login/send"): PUBLIC,
    ("POST", "/{language}/login/send"): PUBLIC,
    ("POST", "/{language}/leave"): PUBLIC,
    ("GET", "/{language}/"): ALL,
    ("GET", "/{language}/sites"): ADMIN,
    ("GET", "/{language}/board/{site}"): BOARDS,
    ("GET", "/{language}/stream/board/{site}"): BOARDS,
    ("GET", "/{language}/tracing"): CASES,
    ("POST", "/{language}/tracing/open"): TRACER,
    ("GET", "/{language}/tracing/{case:int}"): CASES,
    ("POST", "/{language}/tracing/{case:int}/approve"): TRACER,
    ("POST", "/{language}/tracing/{case:int}/close"): CASES,
    ("GET", "/{language}/tracing/{case:int}/export/{form:str}"): TRACER,
    ("GET", "/{language}/reports"): REPORTS,
    ("GET", "/{language}/reports/files"): REPORTS,
    ("GET", "/{language}/reports/files/{kind}/{subject}/{day}/{suffix}"): REPORTS,
    ("POST", "/{language}/reports/fresh"): REPORTS,
    ("GET", "/{language}/reports/figures"): REPORTS,
    ("POST", "/{language}/reports/figures/keep"): REPORTS,
    ("GET", "/{language}/account"): ALL,
    ("GET", "/{language}/account/password"): ALL,
    ("POST", "/{language}/account/password"): ALL,
    ("POST", "/{language}/account/sessions"): ALL,
    ("GET", "/{language}/account/second"): ALL,
    ("POST", "/{language}/account/second"): ALL,
    ("GET", "/{language}/account/second/again"): ALL,
    ("POST", "/{language}/account/second/again"): ALL,
    ("GET", "/{language}/people"): ADMIN,
    ("GET", "/{language}/people/add"): ADMIN,
    ("POST", "/{language}/people/add"): ADMIN,
    ("GET", "/{language}/people/{id}"): ADMIN,
    ("GET", "/{language}/people/{id}/{change}"): ADMIN,
    ("POST", "/{language}/people/{id}/{change}"): ADMIN,
}
_MARK = re.compile(r"{(\w+)(?::\w+)?}")
_VALUES = {"language": "vi", "section": "web", "file": "web.css", "change": "password", "site": "cho-dong-ba"}


@pytest.fixture(scope="module", params=["one-step", "two-steps"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    layout = founded(tmp_path_factory.mktemp("matrix") / "province")
    for id_ in ("cho-dong-ba", "cho-khac"):
        words = ("--id", id_, "--org", "hue", "--name", id_, "--category", "hospital", "--address", f"{id_} 1", "--gate", "1", "--new-org")
        assert here("site", "add", layout.root, *words).returncode == 0
    with served_pages(layout, policy=PASSWORD_ONLY if request.param == "one-step" else TWO_STEPS) as site:
        yield site


def there(site: Site) -> set[tuple[str, str]]:
    return {(method, route.path) for route in site.pages.routes() for method in route.methods or () if method != "HEAD"}


def asked(browser: Visitor, method: str, path: str, token: str) -> tuple[int, str]:
    place = _MARK.sub(lambda mark: _VALUES.get(mark[1], "1"), path)
    if "/stream/" in path:
        return browser.stream_status(place), ""
    answer = browser.get(place) if method == "GET" else browser.post(place, {"token": token})
    return answer.status, answer.headers.get("location", "")


def test_every_route_is_in_the_table_and_no_other(site: Site) -> None:
    assert there(site) == EXPECTED.keys()


def is_right(role: Role | None, who: frozenset[Role | None], path: str, *, half_in: bool, status: int, location: str) -> bool:
    """Whether an answer is what the table says."""
    if who == PUBLIC:
        return status in {200, 303, 403, 404, 429}  # a form without its fields is told so
    if role not in who:
        return location.endswith("/login") or status == 204 if role is None else status == 403
    if half_in and "second" not in path:
        return location.endswith("/account/second") or status == 204
    return status in {200, 303, 400, 404} and not location.endswith("/login")


@pytest.mark.parametrize("role", [*Role, None], ids=lambda role: str(role or "nobody"))
def test_each_route_is_for_whom_it_is(site: Site, role: Role | None) -> None:
    wrong, browser = [], site.browser(role)
    half_in = "second" in browser.get("/vi/account").headers.get("location", "")
    token = browser.token("/vi/account/second")
    for (method, path), who in EXPECTED.items():
        status, location = asked(browser, method, path, token)
        if not is_right(role, who, path, half_in=half_in, status=status, location=location):
            wrong.append((method, path, status, location))
        if path.endswith("/leave"):
            browser = site.browser(role)
            token = browser.token("/vi/account/second")
    assert wrong == []


def test_a_page_of_a_site_is_for_those_of_that_site(site: Site) -> None:
    pages = [path for (method, path), who in EXPECTED.items() if method == "GET" and "{site}" in path and who >= SITES]
    for role in SITES:
        browser = site.browser(role)
        if browser.get("/vi/account").status == 303:
            continue  # half in
        for path in pages:
            places = [_MARK.sub(lambda mark: (_VALUES | {"site": each})[mark[1]], path) for each in ("cho-dong-ba", "cho-khac", "nowhere")]  # noqa: B023
            if "/stream/" in path:
                with browser.stream(places[0]) as following:
                    assert following()
                places = places[1:]
            assert [browser.get(place).status for place in places][-2:] == [404, 404], (role, path)
            assert "/stream/" in path or browser.get(places[0]).status == 200


def test_a_form_of_every_page_is_refused_without_its_token_and_from_elsewhere(site: Site) -> None:
    forms = [path for (method, path), who in EXPECTED.items() if method == "POST" and None not in who]
    assert forms
    browsers = {role: site.browser(role) for role in Role}
    for path in forms:
        browser = browsers[next(role for role in Role if role in EXPECTED["POST", path])]
        place = _MARK.sub(lambda mark: _VALUES.get(mark[1], "1"), path)
        if browser.get("/vi/account").status == 303 and "second" not in path:
            continue  # half in: the form is not even looked at
        assert browser.post(place, {"token": "x"}).status == 403, path
        assert browser.post(place, {"token": browser.token("/vi/account/second")}, Origin="https://evil.example").status == 403, path
