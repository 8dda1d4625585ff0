"""What a diagnosis tells of the scanner itself: configuration, enrolment, outbox, processes, self-test and files. Reads only."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from edge_agent.base import private_files
from edge_agent.base.log_line import plain
from edge_agent.device import check_file, stored_keyring, token_signer
from edge_agent.device import identity as identities
from edge_agent.device.control import ask_counters
from edge_agent.device.documents import Documents
from edge_agent.diagnosis.diagnosis import Content, Part, Public, Scene
from edge_agent.health.status_file import agent_of
from edge_agent.store.outbox import FILE_NAME, files_of
from edge_agent.store.outbox_view import outbox_of
from edge_agent.wire.keyring import UNDATED
from edge_agent.wire.ticket import fingerprint, shown

_MOST_FILES = 2000
_CONNECT_S = 3.0
_WORD_IN_URL = re.compile(r"(?<=[?&;])([^=&;]*(?:pin|pass|secret|token|key)[^=&;]*)=[^&;]*", re.IGNORECASE)


def configuration(scene: Scene) -> Content:
    """What gate.toml says, setting by setting; text of the file, such as remarks, is left out."""
    if scene.settings is None:
        return {
            "file": str(scene.source),
            "trouble": scene.trouble,
            "looked at instead": [str(scene.device.state), str(scene.device.runtime)],
        }
    sections = dataclasses.asdict(scene.settings)
    return {"file": str(sections.pop("source")), **{name: _without_words(section) for name, section in sections.items()}}


def _without_words(section: Any) -> Any:
    match section:
        case dict():
            return {key: _without_words(value) for key, value in section.items()}
        case list() | tuple():
            return [_without_words(value) for value in section]
        case str() | Path():
            return _WORD_IN_URL.sub(r"\1=‹secret›", str(section))
        case _:
            return section


def enrolment(scene: Scene) -> Content:
    """Who the device is, and until when its certificates and sealing keys last."""
    state = scene.device.state
    folder = state / identities.FOLDER
    told: dict[str, Any] = {"signing key": _key(folder, identities.SIGNING_KEY), "tls key": _key(folder, identities.TLS_KEY)}
    with closing(Documents(state)) as documents:
        member = documents.get(identities.ENROLMENT)
    if member is None:
        return {"enrolled": False, **told}
    root = base64.b64decode(member["root"])
    told |= {
        "enrolled": True,
        **{name: member.get(name) for name in ("org", "device", "site", "gate", "host", "port", "door_host", "door_port")},
        "root": Public(shown(sha256(root).digest())),
        "certificates": {name: _certificate(folder / name) for name in (identities.TLS_CERTIFICATE, identities.BROKER_CA)},
    }
    try:
        ring = stored_keyring.read(state, Ed25519PublicKey.from_public_bytes(root))
    except (stored_keyring.NoKeyring, OSError) as error:
        told["keyring"] = {"trouble": plain(error)}
    else:
        days = sorted(key.epoch for key in ring.keys if key.epoch != UNDATED)
        told["keyring"] = {"counter": ring.counter, "issued_ms": ring.issued_ms, "days": [days[0], days[-1]] if days else []}
    return told


def _key(folder: Path, name: str) -> dict[str, Any]:
    """Where a private key is and which it is; never the key."""
    try:
        data = identities.read_private(folder, name)
    except private_files.NotGiven:
        return {"where": "a systemd credential of the services"}
    except FileNotFoundError:
        return {"where": "nowhere"}
    except OSError as error:
        return {"trouble": f"cannot be read ({error.strerror})"}
    if data.startswith(token_signer.PREFIX.encode()):
        return {"where": "in a token"}
    return {"where": "a file"} | (_fingerprint(data) if name == identities.SIGNING_KEY else {})


def _fingerprint(data: bytes) -> dict[str, Any]:
    try:
        return {"fingerprint": Public(shown(fingerprint(identities.load_signing_key(data).public_key())))}
    except ValueError:
        return {"trouble": "it is no whole key"}


def _certificate(file: Path) -> Content:
    try:
        certificates = x509.load_pem_x509_certificates(file.read_bytes())
    except OSError as error:
        return {"trouble": str(error.strerror)}
    except ValueError:
        return {"trouble": "not a certificate"}
    return [
        {
            "name": ", ".join(str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)),
            "from": certificate.not_valid_before_utc.isoformat(),
            "until": certificate.not_valid_after_utc.isoformat(),
            "sha256": Public(sha256(certificate.public_bytes(Encoding.DER)).hexdigest()),
        }
        for certificate in certificates
    ]


def outbox(scene: Scene) -> Content:
    """How much waits, since when, and the head of the log."""
    told = outbox_of(scene.device.state)
    if "head" in told:
        told["head"] = {name: Public(value) if isinstance(value, str) else value for name, value in told["head"].items()}
    sizes = {}
    for file in files_of(scene.device.state / FILE_NAME):
        with suppress(OSError):
            sizes[file.name] = file.stat().st_size
    return {**told, "files": sizes}


def processes(scene: Scene) -> Content:
    """The counters of both processes, as `gate-agent status` shows them."""
    return {"agent": agent_of(scene.device.runtime), "firmware": ask_counters(scene.device.runtime)}


def self_test(scene: Scene) -> Content:
    """The last self-test."""
    file = scene.device.state / check_file.FILE_NAME
    if file.stat().st_size > check_file.MOST_BYTES:
        return {"trouble": f"{file.name} is {file.stat().st_size} bytes long: left out"}
    data = file.read_bytes()
    if not data:
        return {"trouble": "empty"}
    told: Content = json.loads(data)
    return told


def files(scene: Scene) -> Content:
    """Names, sizes, modes and times of what lies in the state and runtime folders; also what was set aside. No contents."""
    return {str(folder): list(_files(folder)) for folder in (scene.device.state, scene.device.runtime)}


def _files(folder: Path) -> Iterator[dict[str, Any]]:
    try:
        found = sorted(folder.rglob("*"))
    except OSError as error:
        yield {"trouble": str(error.strerror)}
        return
    for file in found[:_MOST_FILES]:
        with suppress(OSError):
            its = file.lstat()
            yield {
                "name": str(file.relative_to(folder)), "bytes": its.st_size, "mode": f"{its.st_mode:o}", "owner": its.st_uid,
                "changed_ms": its.st_mtime_ns // 1_000_000,
            }  # fmt: skip
    if len(found) > _MOST_FILES:
        yield {"trouble": f"{len(found) - _MOST_FILES} more"}


def broker(scene: Scene) -> Content:
    """Whether the broker's host has an address and takes connections; nothing is sent."""
    with closing(Documents(scene.device.state)) as documents:
        member = documents.get(identities.ENROLMENT)
    if member is None:
        return {"trouble": "not enrolled: no broker is known"}
    host, port = str(member["host"]), int(member["port"])
    began_s = time.monotonic()
    told: dict[str, Any] = {"host": host, "port": port}
    try:
        told["addresses"] = sorted({str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
        socket.create_connection((host, port), _CONNECT_S).close()
        told["connects"] = True
    except OSError as error:
        told |= {"connects": False, "trouble": str(error)}
    return told | {"took_ms": round((time.monotonic() - began_s) * 1000)}


PARTS = (
    Part("configuration.json", "gate.toml, setting by setting", configuration),
    Part("enrolment.json", "who this device is; fingerprints of keys, dates of certificates, days of the keyring", enrolment),
    Part("outbox.json", "how many entries wait and since when, the head of the log", outbox, patience_s=20.0),
    Part("processes.json", "counters of gate-firmware and gate-agent", processes),
    Part(check_file.FILE_NAME, "the last self-test", self_test),
    Part("files.json", "names, sizes and times of what is in the state and runtime folders, also what was set aside", files, 400_000),
    Part("broker.json", "whether the broker can be reached from here", broker),
)
