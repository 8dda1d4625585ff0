"""Lets people in and out: phone and password, then the second step; slower with each wrong try, and never shut for good by a stranger.

Tries are counted for an address and for a number. A browser that its owner has come in with before carries a mark of that, and is counted
by itself alone: whatever others try from elsewhere, it is not kept waiting. Source: OWASP "Slow Down Online Guessing Attacks with Device
Cookies"; OWASP "Authentication" and "Session Management" cheat sheets; NIST SP 800-63B §3.2.2 (rate limits).
"""

from __future__ import annotations

import hmac
import logging
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from edge_agent.serving.forms import read_form
from edge_agent.serving.guard import Refused
from edge_agent.serving.telling import Telling
from province.accounts.account import Role
from province.accounts.passwords import Check
from province.accounts.roll import Member
from province.accounts.second import digits
from province.web.asking import address_of
from province.web.codes import CodeSender, NotSent, new_code
from province.web.forms import TOKEN, form_of, is_token, language_of
from province.web.section import Visit
from province.web.sessions import IDLE_S, MustWait, Session, Sessions, Tries
from province.web.words import WORDS
from province.web.world import World

_log = logging.getLogger(__name__)
COOKIE, HALF, KNOWN = "__Host-gate", "__Host-gate-half", "__Host-gate-known"
_MOST, _MOST_HALF, _HALF_S = 50_000, 10_000, 300.0
_KNOWN_S = 180 * 86_400
_KEEPERS_IDLE_S = 12 * 3600.0  # a keeper's page stands open at the gate all day
_MOST_LOGGING_IN = 16
_HASH = 32


@dataclass(frozen=True, slots=True)
class Policy:
    """How people come in.

    Attributes:
        password_only: the roles that need no second step.
        sender: sends codes to phones; None: authenticator apps and codes on paper alone.
    """

    password_only: frozenset[Role] = frozenset()
    sender: CodeSender | None = None


TWO_STEPS = Policy()


class Door:
    """Who is in, and how one gets there.

    Args:
        world: has the accounts.
        policy: how they come in.
        proxied: whether a reverse proxy on this machine stands before it and says who asks (X-Forwarded-For).
        now_s: monotonic seconds.
    """

    def __init__(self, world: World, policy: Policy, now_s: Callable[[], float], *, proxied: bool) -> None:
        self._world, self._policy, self._proxied, self._now_s = world, policy, proxied, now_s
        self.sessions, self._half = Sessions(_MOST), Sessions(_MOST_HALF, _HALF_S)
        self._check = Check()
        self._by_address, self._by_name = Tries(free=30, forget_s=20.0), Tries()
        self._by_code, self._by_sending = Tries(longest_s=3600.0), Tries(free=3, forget_s=600.0)
        self._logging_in = 0
        self._telling = Telling(_log)

    def routes(self) -> list[Route]:
        """The ways in and out."""
        return [
            Route("/{language}/login", self._login, methods=["GET", "POST"]),
            Route("/{language}/login/code", self._code, methods=["GET", "POST"]),
            Route("/{language}/login/send", self._send_again, methods=["GET", "POST"]),
            Route("/{language}/leave", self._leave, methods=["POST"]),
        ]

    # ── who is in ──

    def session_of(self, request: Request, *, seen: bool = True) -> Session | None:
        """The session that a request's cookie names."""
        return self.sessions.find(request.cookies.get(COOKIE, ""), self._now_s(), seen=seen)

    async def who(self, request: Request, *, seen: bool = True) -> tuple[Session, Member] | None:
        """Who asks, as the roll says now."""
        session = self.session_of(request, seen=seen)
        if session is None:
            return None
        member = await run_in_threadpool(self._world.member, session.who)
        if member is None or member.mark != session.mark:  # removed, or of another password, second step, role or reach
            self.sessions.end(request.cookies.get(COOKIE, ""))
            return None
        return session, member

    def is_half_in(self, session: Session, member: Member) -> bool:
        """Whether they must set up the second step before all else."""
        return member.totp is None and not session.stepped and member.account.role not in self._policy.password_only

    def let_in(self, request: Request, response: Response, member: Member, *, stepped: bool) -> None:
        """Begins a session with a new cookie; the one this browser came with is over."""
        self.sessions.end(request.cookies.get(COOKIE, ""))
        idle_s = _KEEPERS_IDLE_S if member.account.role is Role.KEEPER else IDLE_S
        cookie = self.sessions.begin(member.account.id, member.mark, self._now_s(), self._world.now_ms(), idle_s=idle_s, stepped=stepped)
        _set(response, COOKIE, cookie)
        if stepped or not self.is_half_in(Session("", "", "", 0, 0), member):
            _set(response, KNOWN, self._known_mark(member.account.id, secrets.token_hex(16)), _KNOWN_S)

    def is_password(self, member: Member, password: str) -> bool:
        """Whether a password is theirs, for somebody who is in; counted by itself, so that an open session guesses no faster than a login.

        Takes 30 ms.

        Raises:
            MustWait: it was not looked at.
        """
        who, now_s = f"password {member.account.id}", self._now_s()
        if (wait_s := self._by_code.wait_s(who, now_s)) > 0:
            raise MustWait(wait_s)
        self._by_code.missed(who, now_s)
        right = self._check.is_of(password, member.hashed)
        if right:
            self._by_code.hit(who)
        return right

    # ── known browsers ──

    def _known_mark(self, id_: str, nonce: str) -> str:
        mark = urlsafe_b64encode(self._world.roll.keys.mark("known-browser", id_, nonce)).decode().rstrip("=")
        return f"{id_}.{nonce}.{mark}"

    def _known(self, request: Request, id_: str) -> str | None:
        """By what a browser is counted that this account came in with before; None for others."""
        given = request.cookies.get(KNOWN, "")
        whose, _dot, rest = given.partition(".")
        nonce = rest.partition(".")[0]
        ours = hmac.compare_digest(self._known_mark(whose, nonce).encode(), given.encode(errors="replace"))
        return f"known {nonce}" if ours and whose == id_ else None

    # ── phone and password ──

    async def _login(self, request: Request) -> Response:
        language = language_of(request)
        if request.method != "POST":
            return self._login_page(request)
        form = await read_form(request)
        phone, password = form.get("phone", "").strip()[:40], form.get("password", "")
        member = await run_in_threadpool(self._by_phone, phone)
        known = None if member is None else self._known(request, member.account.id)
        tried = [(self._by_name, known)] if known is not None else [
            (self._by_address, address_of(request, proxied=self._proxied)), (self._by_name, self._world.roll.keys.token(phone).hex())
        ]  # fmt: skip
        now_s = self._now_s()
        wait_s = max(tries.wait_s(who, now_s) for tries, who in tried)
        if wait_s > 0 or self._logging_in >= _MOST_LOGGING_IN:
            return self._wait(self._login_page(request, 429, wait_s=wait_s), wait_s)
        for tries, who in tried:
            tries.missed(who, now_s)  # before it is looked at: others may come meanwhile
        self._logging_in += 1
        try:
            right = await run_in_threadpool(self._check.is_of, password, None if member is None else member.hashed)
        finally:
            self._logging_in -= 1
        if member is None or not right:
            return self._login_page(request, 403, wrong=True)
        for tries, who in tried:
            (tries.undo if tries is self._by_address else tries.hit)(who)
        if member.totp is None and (self._policy.sender is None or member.account.role in self._policy.password_only):
            response = RedirectResponse(f"/{language}/", 303)
            self.let_in(request, response, member, stepped=False)
            return response
        return await self._to_second(request, member, phone)

    def _by_phone(self, phone: str) -> Member | None:
        with self._world.connection() as connection:
            return self._world.roll.by_phone(connection, phone)

    def _login_page(self, request: Request, status: int = 200, *, wait_s: float = 0.0, wrong: bool = False) -> Response:
        wait = round(wait_s) + 1 if status == 429 else 0
        return self._world.render_open(request, language_of(request), "web/login.html", status, wait_s=wait, wrong=wrong)

    @staticmethod
    def _wait(answer: Response, wait_s: float) -> Response:
        answer.headers["retry-after"] = str(round(wait_s) + 1)
        return answer

    # ── the second step ──

    async def _to_second(self, request: Request, member: Member, phone: str) -> Response:
        language = language_of(request)
        half = self._half.begin(member.account.id, member.mark, self._now_s(), carried=bytes(_HASH) + phone.encode())
        session = self._half.find(half, self._now_s())
        if member.totp is None and session is not None:
            await self._send(request, session)
        response = RedirectResponse(f"/{language}/login/code", 303)
        _set(response, HALF, half)
        return response

    async def _halfway(self, request: Request) -> tuple[Session, Member] | None:
        """Who has given their password a moment ago."""
        session = self._half.find(request.cookies.get(HALF, ""), self._now_s())
        member = None if session is None else await run_in_threadpool(self._world.member, session.who)
        return None if session is None or member is None or member.mark != session.mark else (session, member)

    async def _code(self, request: Request) -> Response:
        language = language_of(request)
        found = await self._halfway(request)
        if found is None:
            return RedirectResponse(f"/{language}/login", 303)
        session, member = found
        if request.method != "POST":
            return self._code_page(request, session, member)
        form = await self._half_form(request, session)
        who, now_s = self._known(request, member.account.id) or f"account {member.account.id}", self._now_s()
        if (wait_s := self._by_code.wait_s(who, now_s)) > 0:
            return self._wait(self._code_page(request, session, member, 429, wait_s=wait_s), wait_s)
        self._by_code.missed(who, now_s)
        if not await self._is_code(session, member, form.get("code", "")):
            return self._code_page(request, session, member, 403, wrong=True)
        self._by_code.hit(who)
        self._half.end(request.cookies.get(HALF, ""))
        response = RedirectResponse(f"/{language}/", 303)
        self.let_in(request, response, member, stepped=True)
        _unset(response, HALF)
        return response

    async def _is_code(self, session: Session, member: Member, code: str) -> bool:
        if hmac.compare_digest(session.carried[:_HASH], _hash_of(session, digits(code))):
            session.carried = bytes(_HASH) + session.carried[_HASH:]  # taken once
            return True
        return bool(await self._world.ask(
            lambda connection: self._world.roll.take_code(connection, member.account.id, code[:60], self._world.now_ms())
        ))  # fmt: skip

    async def is_second(self, request: Request, member: Member, code: str) -> bool:
        """Whether a code is theirs now, for somebody who is in; counted as at the login.

        Raises:
            MustWait: it was not looked at.
        """
        who, now_s = self._known(request, member.account.id) or f"account {member.account.id}", self._now_s()
        if (wait_s := self._by_code.wait_s(who, now_s)) > 0:
            raise MustWait(wait_s)
        self._by_code.missed(who, now_s)
        right = bool(await self._world.ask(
            lambda connection: self._world.roll.take_code(connection, member.account.id, code[:60], self._world.now_ms())
        ))  # fmt: skip
        if right:
            self._by_code.hit(who)
        return right

    async def _send_again(self, request: Request) -> Response:
        found = await self._halfway(request)
        if found is None or self._policy.sender is None or request.method != "POST":
            return RedirectResponse(f"/{language_of(request)}/login/code", 303)
        session, member = found
        await self._half_form(request, session)
        sent = await self._send(request, session)
        return self._code_page(request, session, member, 200 if sent else 429, sent=sent)

    async def _send(self, request: Request, session: Session) -> bool:
        """Sends them a new code; False where too many went out."""
        sender, now_s = self._policy.sender, self._now_s()
        if sender is None or self._by_sending.wait_s(session.who, now_s) > 0:
            return False
        self._by_sending.missed(session.who, now_s)
        code = new_code()
        text = WORDS[language_of(request)]["login.text"].format(code=code, province=self._world.settings.name)
        phone = session.carried[_HASH:].decode()
        try:
            await run_in_threadpool(sender.send, phone, text)
        except NotSent as error:
            self._telling.cannot(error)
            raise Refused(503, WORDS[language_of(request)]["code.not-sent"]) from None
        session.carried = _hash_of(session, code) + session.carried[_HASH:]
        return True

    async def _half_form(self, request: Request, session: Session) -> dict[str, str]:
        form = await read_form(request)
        if not is_token(session.form_token, form.get(TOKEN, "")):
            raise Refused(403)
        return form

    def _code_page(
        self, request: Request, session: Session, member: Member, status: int = 200, *, wait_s: float = 0, wrong: bool = False,
        sent: bool = False,
    ) -> Response:  # fmt: skip
        wait = round(wait_s) + 1 if wait_s else 0
        return self._world.render_open(
            request, language_of(request), "web/code.html", status, token=session.form_token, wait_s=wait, wrong=wrong, sent=sent,
            has_app=member.totp is not None, may_send=self._policy.sender is not None,
        )  # fmt: skip

    # ── leaving ──

    async def _leave(self, request: Request) -> Response:
        language = language_of(request)
        found = await self.who(request)
        if found is not None:
            await form_of(request, Visit(found[1].account, language, found[0].form_token))
        self.sessions.end(request.cookies.get(COOKIE, ""))
        response = RedirectResponse(f"/{language}/login", 303)
        _unset(response, COOKIE)
        return response


def _hash_of(session: Session, code: str) -> bytes:
    return sha256(f"{session.form_token}\0{code}".encode()).digest()


def _set(response: Response, name: str, value: str, max_age_s: int | None = None) -> None:
    response.set_cookie(name, value, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="strict")


def _unset(response: Response, name: str) -> None:
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="strict")
