"""The keys under which the province's own people stand in the register: who has an account is found by a token and read with a key.

They outlive the days, and lie in the keystore, so no backup of the register opens a name or a phone. Where they are lost every account
must be made anew: nobody can come in meanwhile.
"""

from __future__ import annotations

import hmac
import json
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass, field

from edge_agent.base.process_lock import alone
from edge_agent.wire.cbor import encode
from province.base.errors import ProvinceError
from province.base.files import write_atomically
from province.keys.day_keys import KeyDamaged
from province.keys.identifiers import Identifier, canonical
from province.keys.keystore import PEOPLE, Keystore, KeystoreAway
from province.keys.wrapping import unwrap, wrap

FORMAT = "gate-scanner-people-keys/1"
_BYTES = 32


@dataclass(frozen=True, slots=True)
class PeopleKeys:
    """What finds and reads the province's own people.

    Attributes:
        token_key: 32 bytes; turns a phone number into its token.
        data_key: 32 bytes; closes names and phone numbers.
        mark_key: 32 bytes; proves what the province itself has handed to a browser.
        keystore: where they lie.
    """

    token_key: bytes = field(repr=False)
    data_key: bytes = field(repr=False)
    mark_key: bytes = field(repr=False)
    keystore: Keystore = field(repr=False)

    def token(self, phone: str) -> bytes:
        """The 32-byte token of a phone number, however it is written."""
        return hmac.digest(self.token_key, b"phone\0" + canonical(Identifier.PHONE, phone).encode(errors="replace"), "sha256")

    def close(self, text: str, *row: str) -> bytes:
        """A text closed for one place, such as a column and its account: elsewhere it does not open."""
        return wrap(text.encode(), _place(row), self.data_key)

    def open(self, closed: bytes, *row: str) -> str:
        """Opens what `close` made.

        Raises:
            CannotOpen: another key, another place, or damaged.
        """
        return unwrap(closed, _place(row), self.data_key).decode()

    def mark(self, *what: str) -> bytes:
        """32 bytes that only the province can have made of these words."""
        return hmac.digest(self.mark_key, encode(list(what)), "sha256")


def _place(row: tuple[str, ...]) -> bytes:
    return encode(["gate-scanner/v1/people", *row])


def read(keystore: Keystore) -> PeopleKeys | None:
    """The keys, None where there are none yet.

    Raises:
        KeystoreAway: the folder cannot be read now, or is not this province's.
        KeyDamaged: the file holds something else.
    """
    keystore.check()
    path = keystore.folder / PEOPLE
    try:
        fields = json.loads(path.read_bytes())
        keys = [b64decode(fields[name], validate=True) for name in ("token_key", "data_key", "mark_key")]
        whole = fields["format"] == FORMAT and {len(key) for key in keys} == {_BYTES}
    except FileNotFoundError:
        keystore.check()  # taken away just now?
        return None
    except OSError as error:
        raise KeystoreAway(f"{path}: cannot be read ({error.strerror}). Run as the folder's owner.") from None
    except (ValueError, KeyError, TypeError):
        whole, keys = False, []
    if not whole:
        raise KeyDamaged(f"{path}: damaged. Restore it, or move it away and make every account anew.")
    return PeopleKeys(keys[0], keys[1], keys[2], keystore)


def ensure(keystore: Keystore) -> PeopleKeys:
    """The keys, made now where there are none.

    Raises:
        KeystoreAway, KeyDamaged: as `read`.
        ProvinceError: they cannot be written.
    """
    with alone(keystore.lock):
        if (found := read(keystore)) is not None:
            return found
        made = PeopleKeys(secrets.token_bytes(_BYTES), secrets.token_bytes(_BYTES), secrets.token_bytes(_BYTES), keystore)
        fields = {"token_key": made.token_key, "data_key": made.data_key, "mark_key": made.mark_key}
        text = json.dumps({"format": FORMAT, **{name: b64encode(key).decode() for name, key in fields.items()}}, indent=1)
        try:
            write_atomically(keystore.folder / PEOPLE, text.encode() + b"\n")
        except OSError as error:
            raise ProvinceError(f"{keystore.folder}: cannot be written ({error.strerror}). Check the disk and the rights.") from None
        return made
