"""Serves the releases to this province's scanners: files by name over TLS, to whoever shows a certificate of ours that is not revoked.

Nothing in them is secret and all of it is proved by the signature; the certificate keeps strangers from using up the line. Any web server
that knows client certificates and ranges can do the same: the folder holds nothing else.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from province.base.errors import NotAProvince
from province.base.fresh import Fresh
from province.base.layout import Layout
from province.release.releases import PARTS, SUFFIX

_DIGEST = re.compile(r"[0-9a-f]{64}")
_GUESTS_MOST = 200
_IDLE_S = 30


def pages(layout: Layout) -> Starlette:
    """The application: two kinds of file, each named by its hash."""

    def found(digest: str, file: Path) -> Response:
        if not _DIGEST.fullmatch(digest) or not file.is_file():
            raise HTTPException(404)
        return FileResponse(file, media_type="application/octet-stream", headers={"cache-control": "public, max-age=31536000, immutable"})

    async def signed(request: Request) -> Response:
        digest = request.path_params["digest"]
        return found(digest, layout.releases / f"{digest}{SUFFIX}")

    async def part(request: Request) -> Response:
        digest = request.path_params["digest"]
        return found(digest, layout.releases / PARTS / digest)

    return Starlette(routes=[Route(f"/{{digest}}{SUFFIX}", signed, methods=["GET", "HEAD"]), Route(f"/{PARTS}/{{digest}}", part)])


def tls(layout: Layout) -> ssl.SSLContext:
    """Who we are, and whom we let in: the authority's clients that its list does not revoke.

    Raises:
        NotAProvince: a file is missing or damaged.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    try:
        context.load_cert_chain(layout.door / "server.crt", layout.door / "server.key")
        context.load_verify_locations(layout.authority_certificate)
        context.load_verify_locations(layout.revocations)
    except OSError as error:
        raise NotAProvince(f"{layout.door}, {layout.authority}: key, certificate or list cannot be used ({error}).") from None
    return context


def server(layout: Layout, address: tuple[str, int]) -> uvicorn.Server:
    """The server, not yet running; it follows what is renewed or revoked with the next guest.

    Raises:
        NotAProvince: see `tls`.
    """
    files = [layout.door / "server.crt", layout.door / "server.key", layout.authority_certificate, layout.revocations]
    fresh = Fresh(files, lambda: tls(layout))
    context = tls(layout)

    def renew(stream: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        stream.context = fresh.now()

    context.sni_callback = renew
    config = uvicorn.Config(
        pages(layout), host=address[0] or None, port=address[1], log_config=None, access_log=False, limit_concurrency=_GUESTS_MOST,  # type: ignore[arg-type]
        timeout_keep_alive=_IDLE_S, server_header=False, lifespan="off", ws="none", ssl_certfile=str(files[0]), ssl_keyfile=str(files[1]),
    )  # fmt: skip
    config.load()
    config.ssl = context
    return uvicorn.Server(config)
