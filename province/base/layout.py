"""Where everything of a province lies: one folder, every path named once, and its settings."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_agent.wire.sealing import Suite
from province.base.errors import NotAProvince
from province.base.files import write_atomically

FORMAT = "gate-scanner-province/1"
# the collectors' common names, user names and client ids at the broker; the second works beside the first
COLLECTOR = "province/collector"
COLLECTORS = (COLLECTOR, "province/collector-2")
REGISTRAR = "province/registrar"  # the same of `gate-province admit`
COMMANDER = "province/commander"  # the same of `gate-province command` and `config`
FLEET = "province/fleet"  # the same of `gate-province watch`
DOOR_PORT = 8884
RELEASES_PORT = 8885


@dataclass(frozen=True, slots=True)
class Settings:
    """What `gate-province init` was told.

    Attributes:
        name: the province's name, for people.
        hosts: the broker's names and addresses; devices connect to the first.
        port: the broker's TLS port.
        bind: the address the broker listens on, or None for all.
        suite: how the day keys seal.
        days: how many days ahead day keys are published.
        door_port: where `gate-province admit` lets scanners join.
    """

    name: str
    hosts: tuple[str, ...]
    port: int
    bind: str | None
    suite: Suite
    days: int
    door_port: int = DOOR_PORT


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of a province in its folder.

    Example:
        >>> Layout(Path("/srv/gate")).register
        PosixPath('/srv/gate/register.sqlite')
    """

    root: Path

    @property
    def settings_file(self) -> Path:
        """What `init` was told, JSON."""
        return self.root / "province.json"

    @property
    def root_folder(self) -> Path:
        """Holds the root's private key; belongs offline after `init`."""
        return self.root / "root"

    @property
    def root_key(self) -> Path:
        """The root's private key, PEM."""
        return self.root_folder / "root.key"

    @property
    def root_public(self) -> Path:
        """The root's public key, PEM: what every device pins."""
        return self.root / "root.pub"

    @property
    def officers(self) -> Path:
        """Keys and certificates of each power."""
        return self.root / "officers"

    @property
    def auditors(self) -> Path:
        """Keys of the officers who look along, each closed by a passphrase."""
        return self.root / "auditors"

    @property
    def authority(self) -> Path:
        """The certificate authority for MQTT."""
        return self.root / "authority"

    @property
    def authority_key(self) -> Path:
        """The authority's private key, PEM."""
        return self.authority / "ca.key"

    @property
    def authority_certificate(self) -> Path:
        """The authority's certificate, PEM."""
        return self.authority / "ca.crt"

    @property
    def revocations(self) -> Path:
        """The list of revoked certificates, PEM."""
        return self.authority / "ca.crl"

    @property
    def broker(self) -> Path:
        """The broker's own key and certificate."""
        return self.root / "broker"

    @property
    def broker_store(self) -> Path:
        """What the broker keeps over a restart; only ciphertext."""
        return self.broker / "store"

    @property
    def broker_config(self) -> Path:
        """Mosquitto's configuration."""
        return self.root / "mosquitto.conf"

    @property
    def broker_rules(self) -> Path:
        """Mosquitto's access rules."""
        return self.root / "mosquitto.acl"

    @property
    def registrar(self) -> Path:
        """The registrar's key and certificate at the broker."""
        return self.root / "registrar"

    @property
    def commander(self) -> Path:
        """The key and certificate at the broker of whoever sends commands."""
        return self.root / "commander"

    @property
    def commands(self) -> Path:
        """The issuer's counter, and what was sent last to each scanner: its command and its configuration."""
        return self.root / "commands"

    @property
    def register_address(self) -> Path:
        """Where the register is when it is on a server: its address."""
        return self.register.with_suffix(".url")

    @property
    def commands_lock(self) -> Path:
        """Held by whoever sends commands: the broker knows one of them."""
        return self.root / "commands.lock"

    @property
    def operators(self) -> Path:
        """Who commands one organisation's scanners from a desk of their own: one file each, without their keys."""
        return self.root / "operators"

    @property
    def operators_lock(self) -> Path:
        """Held by whoever changes them, or the broker's rules."""
        return self.root / "operators.lock"

    @property
    def releases(self) -> Path:
        """Signed releases and their parts, as scanners fetch them; nothing of it is secret."""
        return self.root / "releases"

    @property
    def rollouts(self) -> Path:
        """How far each rollout has come."""
        return self.root / "rollouts"

    @property
    def rollouts_lock(self) -> Path:
        """Held by whoever takes a rollout a step further."""
        return self.root / "rollouts.lock"

    @property
    def fleet(self) -> Path:
        """The key and certificate at the broker of whoever watches the fleet."""
        return self.root / "fleet"

    @property
    def fleet_store(self) -> Path:
        """How the fleet is and was in the last day, and its alerts."""
        return self.root / "fleet.sqlite"

    @property
    def fleet_lock(self) -> Path:
        """Held by whoever watches the fleet."""
        return self.root / "fleet.lock"

    @property
    def fleet_page(self) -> Path:
        """The fleet page's TLS key and certificate, and the operators who may look."""
        return self.root / "fleet-page"

    @property
    def fleet_page_lock(self) -> Path:
        """Held by whoever serves the fleet's page."""
        return self.root / "fleet-page.lock"

    @property
    def web(self) -> Path:
        """The TLS key and certificate of the province's pages."""
        return self.root / "web"

    @property
    def api(self) -> Path:
        """The TLS key and certificate of the province's API."""
        return self.root / "api"

    @property
    def api_lock(self) -> Path:
        """Held by whoever serves the province's API."""
        return self.root / "api.lock"

    @property
    def web_lock(self) -> Path:
        """Held by whoever serves the province's pages."""
        return self.root / "web.lock"

    @property
    def reports_mail(self) -> Path:
        """To whom reports go by e-mail, TOML."""
        return self.root / "reports.toml"

    @property
    def reports_lock(self) -> Path:
        """Held by whoever makes and sends reports."""
        return self.root / "reports.lock"

    @property
    def recount_lock(self) -> Path:
        """Held while counts of days are put right."""
        return self.root / "recount.lock"

    @property
    def checkin(self) -> Path:
        """The check-in page's TLS key and certificate."""
        return self.root / "checkin"

    @property
    def fleet_notices(self) -> Path:
        """Where alerts are told on to, TOML; beside it what was told."""
        return self.root / "fleet-notices.toml"

    @property
    def door(self) -> Path:
        """The TLS key and certificate of the door by which scanners join."""
        return self.root / "door"

    @property
    def broker_pid(self) -> Path:
        """Mosquitto's process id, while it runs."""
        return self.broker / "mosquitto.pid"

    @property
    def keystore(self) -> Path:
        """The day keys: one file a day, outside the database and outside every backup."""
        return self.root / "keystore"

    @property
    def keystore_lock(self) -> Path:
        """Held by whoever reads a note in the keystore to write it longer."""
        return self.root / "keystore.lock"

    @property
    def offline(self) -> Path:
        """What belongs on a stick in a safe."""
        return self.root / "offline"

    @property
    def undated_key(self) -> Path:
        """The private half of the undated key."""
        return self.offline / "undated.key"

    @property
    def keyring(self) -> Path:
        """The signed public keyring, as published."""
        return self.root / "keyring.cose"

    @property
    def keyring_lock(self) -> Path:
        """Held by whoever makes the next keyring."""
        return self.root / "keyring.lock"

    @property
    def keys_lock(self) -> Path:
        """Held by whoever exchanges keys together with their certificates."""
        return self.root / "keys.lock"

    @property
    def register(self) -> Path:
        """The database."""
        return self.root / "register.sqlite"

    def collector_of(self, number: int) -> Path:
        """The key and certificate at the broker of the collector with this number, from 1 on."""
        return self.root / COLLECTORS[number - 1].removeprefix("province/")

    def collector_lock(self, number: int) -> Path:
        """Held by the collector that runs under this number."""
        return self.collector_of(number).with_suffix(".lock")

    @property
    def tracing_rules(self) -> Path:
        """What the province lays down for tracing, TOML."""
        return self.root / "tracing.toml"

    @property
    def audit_lock(self) -> Path:
        """Held by whoever writes a line of the audit log."""
        return self.root / "audit.lock"

    def write_settings(self, settings: Settings) -> None:
        """Writes the settings."""
        text = json.dumps({"format": FORMAT, **asdict(settings)}, ensure_ascii=False, indent=2) + "\n"
        write_atomically(self.settings_file, text.encode())

    def read_settings(self) -> Settings:
        """Reads the settings.

        Raises:
            NotAProvince: there is none, or it cannot be read.
        """
        advice = f"Name the folder that `gate-province init` made, or make one: `gate-province init {self.root}`."
        try:
            fields = json.loads(self.settings_file.read_text("utf-8"))
            if fields.pop("format", None) != FORMAT:
                raise NotAProvince(f"{self.settings_file}: not of format {FORMAT!r}. {advice}")
            return Settings(**{**fields, "hosts": tuple(fields["hosts"]), "suite": Suite(fields["suite"])})
        except (FileNotFoundError, NotADirectoryError):
            raise NotAProvince(f"{self.root}: not a province's folder ({self.settings_file.name} is missing). {advice}") from None
        except PermissionError:
            raise NotAProvince(f"{self.root}: may not be read. Run this as the user who made it.") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NotAProvince(f"{self.settings_file}: damaged ({type(error).__name__}). Restore it from a backup.") from None
