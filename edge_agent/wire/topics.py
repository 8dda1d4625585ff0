"""The MQTT topics, in one place.

Source: design.md "MQTT". Names of organisations and devices are lower-case letters, digits and hyphens, so that no
name can hold a topic separator or wildcard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

PREFIX = "gate/v1"
PROVINCE = "province"  # reserved: no organisation may have this name
KEYRING = f"{PREFIX}/{PROVINCE}/keyring"
ALL_ENTRIES = f"{PREFIX}/+/+/entries"
SHARED_ENTRIES = f"$share/collectors/{ALL_ENTRIES}"  # MQTT 5, 4.8.2: the broker deals them out among all who subscribe so
ALL_STATUS = f"{PREFIX}/+/+/status"
ALL_TELEMETRY = f"{PREFIX}/+/+/telemetry"
HOME_ASSISTANT = "homeassistant"  # reserved: no device may have this name; under it an organisation's Home Assistant finds its devices
ALL_CERTIFICATE_REQUESTS = f"{PREFIX}/+/+/certificate/request"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
NAME_RULE = "1 to 40 lower-case letters, digits and inner hyphens"


class Leaf(StrEnum):
    """What a device's topic is for."""

    ENTRIES = "entries"
    RECEIPTS = "receipts"
    STATUS = "status"
    TELEMETRY = "telemetry"
    COMMANDS = "commands"
    RESULTS = "results"
    CONFIG_DESIRED = "config/desired"
    CONFIG_REPORTED = "config/reported"
    CERTIFICATE_REQUEST = "certificate/request"
    CERTIFICATE_ISSUED = "certificate/issued"


DEVICE_WRITES = (Leaf.ENTRIES, Leaf.STATUS, Leaf.TELEMETRY, Leaf.RESULTS, Leaf.CONFIG_REPORTED, Leaf.CERTIFICATE_REQUEST)
VIEWER_READS = (Leaf.STATUS, Leaf.TELEMETRY)  # of each device of its organisation
DEVICE_READS = (Leaf.RECEIPTS, Leaf.COMMANDS, Leaf.CONFIG_DESIRED, Leaf.CERTIFICATE_ISSUED)
COMMANDER_READS = (Leaf.RESULTS, Leaf.CONFIG_REPORTED)  # of every device
COMMANDER_WRITES = (Leaf.COMMANDS, Leaf.CONFIG_DESIRED)
OPERATOR_READS = (Leaf.RESULTS, Leaf.CONFIG_REPORTED, Leaf.STATUS, Leaf.TELEMETRY)  # of each device of its organisation
FLEET_READS = (Leaf.STATUS, Leaf.TELEMETRY, Leaf.COMMANDS, Leaf.CONFIG_DESIRED)  # of every device


def is_name(text: str) -> bool:
    """Tells whether a text may name an organisation or device.

    Example:
        >>> is_name("xe-buyt-so-8"), is_name("a/b"), is_name("-x")
        (True, False, False)
    """
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class DeviceName:
    """An organisation and one of its devices: who speaks on a topic, and the client certificate's common name.

    Raises:
        ValueError: a part is not a name, or is reserved.

    Example:
        >>> str(DeviceName("bus-co", "scanner-1"))
        'bus-co/scanner-1'
    """

    org: str
    device: str

    def __post_init__(self) -> None:
        for part, text in (("organisation", self.org), ("device", self.device)):
            if not is_name(text):
                raise ValueError(f"{part} {text!r} is not a name: {NAME_RULE}")
        if self.org == PROVINCE:
            raise ValueError(f"organisation {PROVINCE!r} is reserved for the province itself")
        if self.device == HOME_ASSISTANT:
            raise ValueError(f"device {HOME_ASSISTANT!r} is reserved for Home Assistant's discovery")

    def __str__(self) -> str:
        return f"{self.org}/{self.device}"

    def topic(self, leaf: Leaf) -> str:
        """The topic of one of the device's leaves."""
        return f"{PREFIX}/{self.org}/{self.device}/{leaf}"


def discovery_prefix(org: str) -> str:
    """What an organisation's Home Assistant is to be given as its discovery prefix."""
    return f"{PREFIX}/{org}/{HOME_ASSISTANT}"


def of_all(leaf: Leaf) -> str:
    """What to subscribe to for one leaf of every device."""
    return f"{PREFIX}/+/+/{leaf}"


def parse(topic: str) -> tuple[DeviceName, Leaf] | None:
    """Whose topic it is and what for, or None when it is none of a device's.

    Example:
        >>> parse("gate/v1/bus-co/scanner-1/receipts")
        (DeviceName(org='bus-co', device='scanner-1'), <Leaf.RECEIPTS: 'receipts'>)
    """
    parts = topic.split("/", 4)
    if len(parts) != 5 or "/".join(parts[:2]) != PREFIX or parts[4] not in set(Leaf):
        return None
    try:
        return DeviceName(parts[2], parts[3]), Leaf(parts[4])
    except ValueError:
        return None
