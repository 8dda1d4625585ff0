"""A real Mosquitto with mutual TLS on loopback, its certificate authority, and the bundles of devices that may use it."""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from paho.mqtt.client import topic_matches_sub
from sealed_examples import DEVICE, KEYRING_7, KEYRING_OFFICER, NAME, ROOT_PUBLIC, WAIT_S

from edge_agent.link.broker_link import Arrived, BrokerLink, Connected, Event, Message
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire import keyring, telemetry
from edge_agent.wire.topics import ALL_ENTRIES, DeviceName, Leaf

Found = TypeVar("Found")
COLLECTOR = "collector"
_MARK = "gate/v1/no/body/entries"


def pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


class Authority:
    """A certificate authority for the broker and its clients."""

    def __init__(self, common_name: str = "Test authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = named(common_name)
        self.ahead = timedelta(hours=0)  # what it signs from now on begins and ends so much later
        self.certificate = self._sign(self._key, self._name, authority=True, host=None)

    def _sign(self, key: ec.EllipticCurvePrivateKey, subject: x509.Name, *, authority: bool, host: str | None) -> str:
        now = datetime.now(UTC) + self.ahead
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if host is not None:
            try:
                name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
            except ValueError:
                name = x509.DNSName(host)
            builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def issue(self, common_name: str, host: str | None = None) -> tuple[str, str]:
        """A new key and its certificate, both PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        return pem(key), self._sign(key, named(common_name), authority=False, host=host)

    def endpoint(self, folder: Path, port: int, common_name: str, host: str = "127.0.0.1") -> Endpoint:
        """The files a client needs, written."""
        home = folder / common_name.replace("/", "-")
        home.mkdir(parents=True, exist_ok=True)
        key, certificate = self.issue(common_name)
        endpoint = Endpoint(host, port, home / "ca.crt", home / "tls.crt", home / "tls.key")
        endpoint.authority_file.write_text(self.certificate)
        endpoint.certificate_file.write_text(certificate)
        endpoint.key_file.write_text(key)
        return endpoint


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def newest_tls_is(version: str, folder: Path) -> Path:
    """A configuration of OpenSSL for a broker that speaks no later TLS."""
    file = folder / "openssl.cnf"
    file.write_text(f"openssl_conf = all\n[all]\nssl_conf = tls\n[tls]\nsystem_default = newest\n[newest]\nMaxProtocol = {version}\n")
    return file


class Broker:
    """Mosquitto, ended by its own process id."""

    def __init__(self, folder: Path, authority: Authority, host: str = "127.0.0.1") -> None:
        self.folder = folder
        self.port = free_port()
        self.authority = authority
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        key, certificate = authority.issue("broker", host)
        for name, text in (("ca.crt", authority.certificate), ("server.crt", certificate), ("server.key", key)):
            (folder / name).write_text(text)
        (folder / "rules").write_text(
            "pattern write gate/v1/%u/entries\n"
            "pattern write gate/v1/%u/status\npattern write gate/v1/%u/telemetry\npattern read gate/v1/%u/receipts\n"
            f"pattern read gate/v1/province/keyring\nuser {COLLECTOR}\ntopic readwrite gate/v1/#\n"
        )
        (folder / "store").mkdir(exist_ok=True)
        (folder / "mosquitto.conf").write_text(
            f"per_listener_settings true\nuser root\npersistence true\npersistence_location {folder}/store/\nautosave_on_changes true\n"
            f"autosave_interval 1\nlog_dest file {folder}/mosquitto.log\nlog_type all\nlistener {self.port} 127.0.0.1\n"
            f"cafile {folder}/ca.crt\ncertfile {folder}/server.crt\nkeyfile {folder}/server.key\nrequire_certificate true\n"
            f"allow_anonymous false\nuse_identity_as_username true\nuse_username_as_clientid true\nacl_file {folder}/rules\n"
        )

    def start(self, newest_tls: str = "TLSv1.3") -> None:
        program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
        assert program, "apt-get install mosquitto"
        self._process = subprocess.Popen(
            [program, "-c", str(self.folder / "mosquitto.conf")],
            stderr=subprocess.DEVNULL,
            env=os.environ | {"OPENSSL_CONF": str(newest_tls_is(newest_tls, self.folder))},
        )
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except ConnectionRefusedError:
                try:
                    code = self._process.wait(0.02)  # until it listens it should at least live
                except subprocess.TimeoutExpired:
                    continue
                raise AssertionError(f"mosquitto ended with {code}: {self.log()}") from None
            return

    def log(self) -> str:
        return (self.folder / "mosquitto.log").read_text()

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(WAIT_S)
            self._process = None

    def endpoint(self, common_name: str, host: str = "127.0.0.1") -> Endpoint:
        return self.authority.endpoint(self.folder, self.port, common_name, host)


def break_off(link: BrokerLink) -> None:
    """The network breaks: the connection ends with no word of MQTT or TLS."""
    its_socket: Any = link._client.socket()
    with socket.socket(fileno=os.dup(its_socket.fileno())) as below:
        below.shutdown(socket.SHUT_RDWR)


class Events:
    """What a link tells, waited for one by one."""

    def __init__(self) -> None:
        self.queue: queue.Queue[Event] = queue.Queue()
        self.put = self.queue.put

    def until(self, wanted: Callable[[Event], bool]) -> Event:
        while True:
            event = self.queue.get(timeout=WAIT_S)
            if wanted(event):
                return event

    def next(self, kind: type[Found]) -> Found:
        found = self.until(lambda event: isinstance(event, kind))
        assert isinstance(found, kind)
        return found


class Listener:
    """A client with the rights of the province's collector."""

    def __init__(self, broker: Broker, topics: tuple[str, ...] = (ALL_ENTRIES, "gate/v1/+/+/status")) -> None:
        self.events = Events()
        self.link = BrokerLink(broker.endpoint(COLLECTOR), COLLECTOR, topics, self.events.put, clean_session=True)
        self.link.start()
        self.events.next(Connected)
        if any(topic_matches_sub(topic, _MARK) for topic in topics):
            self.catch_up()  # connected means that the subscriptions were sent; the mark comes back when they are in force

    def catch_up(self) -> None:
        """Waits until everything has come that the broker has taken so far: it hands on in the order in which it takes."""
        self.publish(_MARK, b"")
        self.next(_MARK)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        assert self.link.publish_and_wait(Message(topic, payload, retain=retain), WAIT_S)

    def next(self, topic: str) -> Arrived:
        found = self.events.until(lambda event: isinstance(event, Arrived) and event.topic == topic)
        assert isinstance(found, Arrived)
        return found

    def status(self, of: DeviceName = NAME) -> tuple[str, str | None]:
        """The next birth or last will: its state and reason."""
        told = telemetry.decode_status(self.next(of.topic(Leaf.STATUS)).payload)
        return told.state, told.reason

    def close(self) -> None:
        self.link.stop()


def bundle(authority: Authority, port: int, host: str = "127.0.0.1") -> dict[str, Any]:
    """What `gate-province device add` hands over, made from primitives."""
    tls_key, tls_certificate = authority.issue(str(NAME))
    return {
        "format": "gate-scanner-bundle/1",
        "org": NAME.org,
        "device": NAME.device,
        "site": "Chợ Bến Thành",
        "gate": "Cổng Nam",
        "broker": {"host": host, "port": port},
        "root": base64.b64encode(ROOT_PUBLIC.public_bytes_raw()).decode(),
        "signing_key_pem": pem(DEVICE),
        "tls_key_pem": tls_key,
        "tls_certificate_pem": tls_certificate,
        "broker_ca_pem": authority.certificate,
        "keyring": base64.b64encode(keyring.issue(KEYRING_7, KEYRING_OFFICER)).decode(),
    }


def write_bundle(folder: Path, fields: object) -> Path:
    file = folder / "gate.bundle.json"
    file.write_text(json.dumps(fields), encoding="utf-8")
    return file


@dataclass(frozen=True)
class Config:
    """A `gate.toml` for tests."""

    file: Path
    state: Path
    runtime: Path


def config(folder: Path, agent: str = "receipt_timeout_s = 0.5") -> Config:
    made = Config(folder / "gate.toml", folder / "state", folder / "run")
    made.file.write_text(
        f'[device]\nstate = "{made.state}"\nruntime = "{made.runtime}"\nmemory = true\n[agent]\n{agent}\n'
        '[[lane]]\nname = "lane"\ndirection = "in"\ncamera = "images:x"\n'
    )
    return made
