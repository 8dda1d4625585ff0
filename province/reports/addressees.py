"""To whom reports go: `reports.toml`, read whole before any of it counts; every problem is told at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.wire.topics import is_name
from province.fleet import notice_settings
from province.fleet.notice_settings import MAIL, Mail, Reading
from province.reports.shelf import Kind, Which

_KEYS = MAIL | {"name", "reports", "organisations"}


@dataclass(frozen=True, slots=True)
class Addressee:
    """Somebody who is sent reports.

    Attributes:
        mail: how.
        kinds: which reports.
        organisations: of whose forms, by id; empty: of all.
    """

    mail: Mail
    kinds: frozenset[Kind]
    organisations: frozenset[str]

    @property
    def name(self) -> str:
        """In logs, and what is remembered as sent."""
        return self.mail.name

    def wants(self, which: Which) -> bool:
        """Whether a report goes to them."""
        return which.kind in self.kinds and (which.kind is not Kind.UNIT or not self.organisations or which.subject in self.organisations)


def read(file: Path) -> list[Addressee]:
    """What a file says; nobody where there is no file.

    Raises:
        NotAProvince: it cannot be read, or something in it is wrong.
    """
    fields, reading = notice_settings.tables(file), Reading(file)
    found = list(reading.sinks(fields, "mail", _addressee, _KEYS))
    reading.finish(fields, ("mail",), [one.name for one in found])
    return found


def _addressee(reading: Reading) -> Addressee:
    kinds = reading.take(
        "reports", list, [str(kind) for kind in Kind], f"a list of {', '.join(Kind)}", lambda found: all(one in list(Kind) for one in found)
    )
    whose = reading.take(
        "organisations", list, [], "a list of organisations' ids", lambda found: all(isinstance(one, str) and is_name(one) for one in found)
    )
    return Addressee(notice_settings.mail(reading), frozenset(map(Kind, kinds)), frozenset(whose))
