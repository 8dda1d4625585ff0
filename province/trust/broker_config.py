"""Writes Mosquitto's configuration: mutual TLS only, and one access rule for each leaf of the topic tree."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable

from edge_agent.wire import topics
from edge_agent.wire.keyring import MAX_KEYRING_BYTES
from province.base.layout import COLLECTORS, COMMANDER, FLEET, REGISTRAR, Layout, Settings
from province.trust.operator_records import Operator

_MAX_PACKET_BYTES = MAX_KEYRING_BYTES + 1024  # the keyring is the largest message there is


def rules(operators: Iterable[Operator] = ()) -> str:
    """The access rules: exactly what each may do; whatever is not named is forbidden.

    Args:
        operators: those who have a desk of their own now.
    """
    lines = [
        "# Made by gate-province init. %u is the client certificate's common name, `org/device`: it holds the slash, so a rule with",
        "# gate/v1/%u/ confines a device to its own organisation and to itself. Rules without %u hold for every certificate.",
        *(f"pattern write {topics.PREFIX}/%u/{leaf}" for leaf in topics.DEVICE_WRITES),
        *(f"pattern read {topics.PREFIX}/%u/{leaf}" for leaf in topics.DEVICE_READS),
        f"pattern read {topics.KEYRING}",
        "",
        "# A viewer's certificate is named after its organisation alone.",
        *(f"pattern read {topics.PREFIX}/%u/+/{leaf}" for leaf in topics.VIEWER_READS),
        f"pattern read {topics.discovery_prefix('%u')}/device/+/config",
        "",
        *(line for name in COLLECTORS for line in _collector(name)),
        f"user {REGISTRAR}",
        f"topic read {topics.ALL_CERTIFICATE_REQUESTS}",
        f"topic write {topics.PREFIX}/+/+/{topics.Leaf.CERTIFICATE_ISSUED}",
        "",
        f"user {COMMANDER}",
        *(f"topic read {topics.PREFIX}/+/+/{leaf}" for leaf in topics.COMMANDER_READS),
        *(f"topic write {topics.PREFIX}/+/+/{leaf}" for leaf in topics.COMMANDER_WRITES),
        "",
        f"user {FLEET}",
        *(f"topic read {topic}" for topic in (topics.of_all(leaf) for leaf in topics.FLEET_READS)),
        f"topic write {topics.discovery_prefix('+')}/device/+/config",
        "",
        *(line for operator in operators for line in _operator(operator)),
    ]
    return "\n".join(lines)


def _operator(operator: Operator) -> list[str]:
    its = f"{topics.PREFIX}/{operator.org}/+"
    return [
        f"user {operator.user}",
        *(f"topic read {its}/{leaf}" for leaf in topics.OPERATOR_READS),
        *(f"topic write {its}/{leaf}" for leaf in operator.writes),
        "",
    ]


def _collector(name: str) -> list[str]:
    return [
        f"user {name}",
        f"topic read {topics.ALL_ENTRIES}",
        f"topic write {topics.PREFIX}/+/+/{topics.Leaf.RECEIPTS}",
        f"topic write {topics.KEYRING}",
        "",
    ]


def _user() -> str:
    """Whom Mosquitto runs as. Only when root starts it does it look at this, and it takes names, not numbers."""
    uid = os.geteuid()
    try:
        return f"""\
# As root Mosquitto would change to a user who may not read this folder.
user {pwd.getpwuid(uid).pw_name}"""
    except KeyError:
        return f"""\
# Made by uid {uid}, which has no name here. Start Mosquitto as that uid: started as root it changes to the user `mosquitto`, who may
# not read this folder."""


def config(layout: Layout, settings: Settings) -> str:
    """The configuration; paths are absolute, so the folder must stay where it is."""
    address = f" {settings.bind}" if settings.bind else ""
    return f"""\
# Made by gate-province init. Start with: mosquitto -c {layout.broker_config}
per_listener_settings true
pid_file {layout.broker_pid}
{_user()}

# Entries stay in a device's outbox until the province's signed receipt, and are sent again without one: what a broker loses is sent
# again. So the store is saved every minute and not at each message, which costs 9 of 10 messages a second (autosave_on_changes).
# It spares devices and collector a new session and the keyring a new publication. All in it is ciphertext.
persistence true
persistence_location {layout.broker_store}/
autosave_on_changes false
autosave_interval 60

# Every connection is an open file, and anybody who reaches the port holds one until TLS has failed: with the usual 1024 strangers can
# hold this broker full. Give it more than all scanners need (`systemctl edit mosquitto`: [Service] LimitNOFILE=65536), and limit the
# connections of one address in the firewall. max_connections would not help: strangers count there too.

# Larger packets cut the connection before they are read whole. 200 in flight fill one transaction of the collector; beyond
# the queue's limits entries are dropped here and sent again by their device.
max_packet_size {_MAX_PACKET_BYTES}
max_inflight_messages 200
max_queued_messages 50000
max_queued_bytes 268435456
persistent_client_expiration 60d

log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true

listener {settings.port}{address}
cafile {layout.authority_certificate}
certfile {layout.broker / "server.crt"}
keyfile {layout.broker / "server.key"}
crlfile {layout.revocations}
allow_anonymous false
require_certificate true
use_identity_as_username true
# The client id is the certificate's name too, so that nobody can end or take over another's session by using its id.
use_username_as_clientid true
acl_file {layout.broker_rules}
"""
