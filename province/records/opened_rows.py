"""Opens rows of the register: each day's keys are read once for a look, and a row that cannot be opened is nobody's."""

from __future__ import annotations

from edge_agent.wire.cbor import Malformed
from edge_agent.wire.entry import Kind, Passage, decode_body
from edge_agent.wire.sealing import CannotOpen
from edge_agent.wire.topics import DeviceName
from province.keys import wrapping
from province.keys.day_keys import DayKeys, KeyDamaged
from province.keys.keystore import Absent, Keystore
from province.store.opened import Row


class LookKeys:
    """Day keys for one look at the register; do not keep it longer, or a day that is destroyed meanwhile could still be opened."""

    def __init__(self, keystore: Keystore) -> None:
        self._keystore = keystore
        self._loaded: dict[str, DayKeys | None] = {}

    def get(self, epoch: str | None) -> DayKeys | None:
        """The keys of a day, None where there are none.

        Raises:
            KeystoreAway: the keystore cannot be read.
        """
        if epoch is None:
            return None
        if epoch not in self._loaded:
            try:
                keys = self._keystore.load(epoch)
            except KeyDamaged:
                keys = Absent.MISSING
            self._loaded[epoch] = None if isinstance(keys, Absent) else keys
        return self._loaded[epoch]


def passage_of(row: Row, keys: DayKeys | None) -> Passage | None:
    """What a row of the table of entries says of a passage, None when nobody can say."""
    if keys is None or row["body"] is None:
        return None
    about = wrapping.identity(DeviceName(row["org"], row["device"]), row["log"], row["seq"], row["hash"])
    try:
        body = decode_body(Kind(row["kind"]), wrapping.unwrap(row["body"], about, keys.data_key))
    except (CannotOpen, Malformed):
        return None
    return body if isinstance(body, Passage) else None
