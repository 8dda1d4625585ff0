"""Writes RabbitMQ's users and permissions for a province whose broker is RabbitMQ with its MQTT plug-in.

The plug-in turns MQTT's topics into AMQP's: `/` becomes `.`, `+` becomes `*`. A subscription is checked by its filter as written, not
message by message. RabbitMQ could put `{username}` into a rule, but our user names hold a slash where its topics have a dot: so each
device gets its own rules, made anew whenever one joins or is revoked. Decision 0063.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha1
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from edge_agent.wire import topics
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.amqp_names import ENTRIES_QUEUE, EXCHANGE
from province.base.layout import COLLECTOR, COLLECTORS, COMMANDER, FLEET, REGISTRAR
from province.trust.operator_records import Operator

_MOST_DELIVERIES = 2**31 - 1  # RabbitMQ 4 throws away what was delivered 20 times, unless told another number; 3.10 knows no "never"
_NOTHING = "^$"
_ANY_NAME = r"[^.]+"


def _key(topic: str) -> str:
    return re.escape(topic.replace("/", "."))


def _one_of(patterns: Iterable[str]) -> str:
    return f"^({'|'.join(patterns)})$"


def _everyones(leaf: Leaf) -> str:
    return rf"{_key(topics.PREFIX)}\.{_ANY_NAME}\.{_ANY_NAME}\.{_key(leaf)}"


def _viewer(org: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    its = rf"{_key(topics.PREFIX)}\.{_key(org)}"
    found = rf"{_key(topics.discovery_prefix(org))}\.device\.{_ANY_NAME}\.config"
    return _user(org, _NOTHING, _one_of([*(rf"{its}\.{_ANY_NAME}\.{leaf}" for leaf in topics.VIEWER_READS), found, _key(topics.KEYRING)]))


def _operator(operator: Operator) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    def its(leaf: Leaf) -> str:
        return rf"{_key(topics.PREFIX)}\.{_key(operator.org)}\.{_ANY_NAME}\.{_key(leaf)}"

    read = [its(leaf) for leaf in topics.OPERATOR_READS]
    return _user(operator.user, _one_of(its(leaf) for leaf in operator.writes), _one_of([*read, _key(topics.KEYRING)]))


def _user(name: str, write: str, read: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    queues = rf"^(mqtt-subscription-{re.escape(name)}qos[01]|amq\.topic)$"
    return _member(name, queues, queues, queues, write, read)


def _member(
    name: str, configures: str, writes: str, reads: str, write: str, read: str
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    return (
        # No password: RabbitMQ lets such a user in by certificate alone.
        {"name": name, "password_hash": "", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": []},
        {"user": name, "vhost": "/", "configure": configures, "write": writes, "read": reads},
        {"user": name, "vhost": "/", "exchange": EXCHANGE, "write": write, "read": read},
    )


def _collectors(*, amqp: bool) -> list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """By MQTT one, which subscribes; by AMQP all, who read one queue and make none."""
    writes, keyring = _one_of([_everyones(Leaf.RECEIPTS), _key(topics.KEYRING)]), _key(topics.KEYRING)
    if amqp:
        return [
            _member(name, _NOTHING, rf"^{re.escape(EXCHANGE)}$", rf"^{re.escape(ENTRIES_QUEUE)}$", writes, _NOTHING) for name in COLLECTORS
        ]
    return [_user(COLLECTOR, writes, _one_of([_everyones(Leaf.ENTRIES), keyring]))]


def _queue() -> dict[str, Any]:
    """The queue of entries: on most nodes' disks before the device is told that an entry came; none is ever dropped from it."""
    arguments = {
        "x-queue-type": "quorum",
        "x-quorum-initial-group-size": 3,
        "x-delivery-limit": _MOST_DELIVERIES,
    }
    return {
        "queues": [{"name": ENTRIES_QUEUE, "vhost": "/", "durable": True, "auto_delete": False, "arguments": arguments}],
        "bindings": [
            {
                "source": EXCHANGE, "vhost": "/", "destination": ENTRIES_QUEUE, "destination_type": "queue",
                "routing_key": topics.ALL_ENTRIES.replace("/", ".").replace("+", "*"), "arguments": {},
            },
        ],
    }  # fmt: skip


def definitions(devices: Iterable[DeviceName], operators: Iterable[Operator] = (), *, amqp: bool = False) -> dict[str, Any]:
    """RabbitMQ definitions (for `rabbitmqctl import_definitions`): users, permissions, topic permissions.

    Args:
        devices: those that may speak now.
        operators: those who have a desk of their own now.
        amqp: collectors read a queue by AMQP; it is among the definitions then, and fills from then on whether or not anybody reads it.
    """
    keyring, names = _key(topics.KEYRING), list(devices)
    rows = [
        *_collectors(amqp=amqp),
        _user(REGISTRAR, _one_of([_everyones(Leaf.CERTIFICATE_ISSUED)]), _one_of([_everyones(Leaf.CERTIFICATE_REQUEST), keyring])),
        _user(
            COMMANDER,
            _one_of(_everyones(leaf) for leaf in topics.COMMANDER_WRITES),
            _one_of([*(_everyones(leaf) for leaf in topics.COMMANDER_READS), keyring]),
        ),
        _user(
            FLEET,
            _one_of([rf"{_key(topics.PREFIX)}\.{_ANY_NAME}\.{topics.HOME_ASSISTANT}\.device\.{_ANY_NAME}\.config"]),
            _one_of([*(_everyones(leaf) for leaf in topics.FLEET_READS), keyring]),
        ),
        *(_operator(one) for one in operators),
        *(_viewer(org) for org in sorted({name.org for name in names})),
        *(
            _user(
                str(name),
                _one_of(_key(name.topic(leaf)) for leaf in topics.DEVICE_WRITES),
                _one_of([*(_key(name.topic(leaf)) for leaf in topics.DEVICE_READS), keyring]),
            )
            for name in names
        ),
    ]
    users, permissions, topic_permissions = zip(*rows, strict=True)
    return {
        "vhosts": [{"name": "/"}],
        "users": list(users),
        "permissions": list(permissions),
        "topic_permissions": list(topic_permissions),
        **(_queue() if amqp else {}),
    }


def rights(whole: dict[str, Any]) -> dict[str, Any]:
    """What must be imported first: users and their topic rights, without the permission by which they get in.

    RabbitMQ lets a user who has no topic rights yet write and read every topic, and imports topic rights last (measured, decision 0063).
    """
    return {**whole, "permissions": []}


def config(authority: str, certificate: str, key: str, port: int, *, amqp_port: int | None = None) -> str:
    """The lines of rabbitmq.conf that matter: mutual TLS, and the certificate's common name as user name.

    Args:
        authority: file of the authority's certificate.
        certificate: the broker's, file.
        key: the broker's, file.
        port: for MQTT.
        amqp_port: for collectors by AMQP, with plug-in rabbitmq_auth_mechanism_ssl.
    """
    by_amqp = "" if amqp_port is None else f"listeners.ssl.default = {amqp_port}\nauth_mechanisms.1 = EXTERNAL\n"
    return (
        by_amqp
        + f"""\
listeners.tcp = none
mqtt.listeners.tcp = none
mqtt.listeners.ssl.default = {port}
mqtt.allow_anonymous = false
mqtt.ssl_cert_login = true
ssl_cert_login_from = common_name
ssl_options.cacertfile = {authority}
ssl_options.certfile = {certificate}
ssl_options.keyfile = {key}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
ssl_options.versions.1 = tlsv1.2
ssl_options.versions.2 = tlsv1.3
"""
    )


def advanced(authority: str, certificate: str, key: str, lists: str) -> str:
    """The whole of advanced.config: TLS as in `config`, and the list of revoked certificates, which rabbitmq.conf of 3.10 cannot name.

    Args:
        authority: file of the authority's certificate.
        certificate: the broker's, file.
        key: the broker's, file.
        lists: the folder in which the list lies under the name of `list_name`; Erlang reads it at each handshake.
    """
    files = {"cacertfile": authority, "certfile": certificate, "keyfile": key}
    return f"""\
[{{rabbit, [{{ssl_options, [
  {", ".join(f"{{{name}, {_erlang(file)}}}" for name, file in files.items())},
  {{verify, verify_peer}}, {{fail_if_no_peer_cert, true}}, {{versions, ['tlsv1.3', 'tlsv1.2']}},
  {{crl_check, peer}}, {{crl_cache, {{ssl_crl_hash_dir, {{internal, [{{dir, {_erlang(lists)}}}]}}}}}}
]}}]}}].
"""


def _erlang(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def list_name(authority: x509.Certificate) -> str:
    """The file name under which OpenSSL and Erlang look for the list of an authority: X509_NAME_hash, as `openssl crl -hash` prints it.

    It is the SHA-1 of the canonical name without its outermost header: ASCII letters small, runs of spaces one, none at the ends.
    """
    name = authority.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    small = "".join(char.lower() if char.isascii() else char for char in str(name))
    canonical = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, re.sub(r"[ \t\n\v\f\r]+", " ", small).strip(" "))]).public_bytes()
    header = 2 if canonical[1] < 0x80 else 2 + (canonical[1] & 0x7F)
    digest = sha1(canonical[header:], usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}.r0"
