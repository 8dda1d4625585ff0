"""Who may read and write which topic, leaf by leaf: the one table that Mosquitto and RabbitMQ are both held to."""

from __future__ import annotations

from edge_agent.wire.authority import Power
from edge_agent.wire.topics import Leaf
from province.trust.operator_records import Key, Operator

DEVICES = ("bus-co/scanner-1", "bus-co/scanner-2", "market-co/scanner-1")
VIEWERS = ("bus-co", "market-co")
OPERATORS = (  # who has a desk: one may configure, one may only look for a scanner by its light
    Operator("an", "bus-co", (Key(Power.IDENTIFY, "00" * 8, 0), Key(Power.CONFIGURE, "11" * 8, 0)), 0),
    Operator("binh.2", "market-co", (Key(Power.IDENTIFY, "22" * 8, 0),), 0),
)
OPERATES = {operator.user: operator for operator in OPERATORS}
MEMBERS = (*DEVICES, *VIEWERS, *OPERATES, "province/collector", "province/registrar", "province/fleet", "province/commander")
STRANGERS = (
    "province/operator/nobody",
    "other-co",
    "province/stranger",
    "bus-co/scanner-1/entries",
)  # have a certificate, and no business here
ROLES = (*MEMBERS, *STRANGERS)
KEYRING = "gate/v1/province/keyring"
EVERY = (
    *(f"gate/v1/{device}/{leaf}" for device in DEVICES for leaf in Leaf),
    KEYRING,
    *(f"gate/v1/{org}/homeassistant/device/scanner-1/config" for org in ("bus-co", "market-co")),
    "gate/v1/province/other",
    "gate/v1/bus-co",
    "gate/v1/bus-co/scanner-1",
    "gate/v1/bus-co/scanner-1/entries/more",
    "gate/v1/bus-co/scanner-1/config",
    "gate/v1/bus-co/scanner-1/certificate",
    "gate/v2/bus-co/scanner-1/entries",
    "elsewhere",
)
# design.md "MQTT", leaf by leaf
DEVICE_WRITES = ("entries", "status", "telemetry", "results", "config/reported", "certificate/request")
COMMANDER_READS = ("results", "config/reported")
DEVICE_READS = ("receipts", "commands", "config/desired", "certificate/issued")


def may_write(role: str) -> set[str]:  # noqa: PLR0911 - one a role
    """Which of `EVERY` a role may write."""
    if role in DEVICES:
        return {f"gate/v1/{role}/{leaf}" for leaf in DEVICE_WRITES}
    if role == "province/collector":
        return {f"gate/v1/{device}/receipts" for device in DEVICES} | {KEYRING}
    if role == "province/registrar":
        return {f"gate/v1/{device}/certificate/issued" for device in DEVICES}
    if role == "province/commander":
        return {f"gate/v1/{device}/{leaf}" for device in DEVICES for leaf in ("commands", "config/desired")}
    if role in OPERATES:
        its = [device for device in DEVICES if device.startswith(f"{OPERATES[role].org}/")]
        leaves = ("commands", "config/desired") if role.endswith("/an") else ("commands",)
        return {f"gate/v1/{device}/{leaf}" for device in its for leaf in leaves}
    if role == "province/fleet":
        return {f"gate/v1/{org}/homeassistant/device/scanner-1/config" for org in VIEWERS}
    return set()


# what a role of the province reads of each device
READS_OF_ALL = {
    "province/collector": ("entries",), "province/registrar": ("certificate/request",), "province/commander": COMMANDER_READS,
    "province/fleet": ("status", "telemetry", "commands", "config/desired"),
}  # fmt: skip


def may_read(role: str) -> set[str]:
    """Which of `EVERY` a role may read; the keyring is for everybody whom the broker lets in."""
    if role in DEVICES:
        return {f"gate/v1/{role}/{leaf}" for leaf in DEVICE_READS} | {KEYRING}
    if role in READS_OF_ALL:
        return {f"gate/v1/{device}/{leaf}" for device in DEVICES for leaf in READS_OF_ALL[role]} | {KEYRING}
    if role in OPERATES:
        its = [device for device in DEVICES if device.startswith(f"{OPERATES[role].org}/")]
        return {f"gate/v1/{device}/{leaf}" for device in its for leaf in ("results", "config/reported", "status", "telemetry")} | {KEYRING}
    if role in VIEWERS:
        own = {f"gate/v1/{device}/{leaf}" for device in DEVICES if device.startswith(f"{role}/") for leaf in ("status", "telemetry")}
        return own | {f"gate/v1/{role}/homeassistant/device/scanner-1/config", KEYRING}
    return {KEYRING}
