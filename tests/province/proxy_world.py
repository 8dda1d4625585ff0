"""HAProxy as province/deploy has it, before services of a province, with a certificate that its visitors know."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from province_world import ROOT, free_port

HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
MISSING = "HAProxy is not installed: apt-get install haproxy"
FILE = ROOT / "province/deploy/proxy/haproxy.cfg"
NAMES = {8444: "qr.tinh.example.vn", 8447: "vao.example.vn", 8446: "api.tinh.example.vn", 8443: "fleet.tinh.example.vn"}
_WAIT_S = 20.0
_FORM = "application/x-www-form-urlencoded"


def certificate(folder: Path) -> Path:
    """A certificate for all names, with its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "public")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in NAMES.values()]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "public.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return folder / "public.pem"


def configuration(pem: Path) -> str:
    """The file as it is, with this certificate."""
    return FILE.read_text().replace("/etc/haproxy/gate/", str(pem))


@dataclass(frozen=True)
class Proxy:
    """HAProxy that runs."""

    port: int
    plain: int
    pem: Path

    def ask(
        self,
        method: str,
        name: str,
        path: str,
        form: Mapping[str, str] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        host: str = "",
    ) -> tuple[HTTPResponse, str]:
        """One request for a name, as a browser sends it, and more header lines."""
        with socket.create_connection(("127.0.0.1", self.port), _WAIT_S) as raw:
            secured = ssl.create_default_context(cafile=str(self.pem)).wrap_socket(raw, server_hostname=name)
            with closing(HTTPConnection(name)) as connection:
                connection.sock = secured
                body = None if form is None else urlencode(form).encode()
                own = () if body is None else (("Origin", f"https://{name}"), ("Content-Length", str(len(body))), ("Content-Type", _FORM))
                connection.putrequest(method, path, skip_host=True)
                for header, value in (("Host", host or name), *own, *headers):
                    connection.putheader(header, value)
                connection.endheaders(body)
                answer = connection.getresponse()
                return answer, answer.read().decode(errors="replace")


@contextmanager
def proxied(folder: Path, services: Mapping[int, int]) -> Iterator[Proxy]:
    """HAProxy before services that listen at other ports than they are told; whoever comes before it is ready waits at its sockets."""
    assert HAPROXY is not None
    pem = certificate(folder)
    with socket.create_server(("127.0.0.1", 0)) as secured, socket.create_server(("127.0.0.1", 0)) as plain:
        # those are the system's
        text = re.sub(r"^ +(user|group|chroot|log /dev/log|maxconn)\b.*\n", "", configuration(pem), flags=re.MULTILINE)
        for told, own in ((443, secured), (80, plain)):
            text = text.replace(f"bind :::{told} v4v6", f"bind fd@{own.fileno()}")
        for told in NAMES:
            text = text.replace(f"127.0.0.1:{told} ", f"127.0.0.1:{services.get(told, free_port())} ")
        (folder / "haproxy.cfg").write_text(text)
        command = [HAPROXY, "-db", "-f", str(folder / "haproxy.cfg")]
        with subprocess.Popen(command, pass_fds=(secured.fileno(), plain.fileno())) as process:
            try:
                yield Proxy(secured.getsockname()[1], plain.getsockname()[1], pem)
            finally:
                process.terminate()
