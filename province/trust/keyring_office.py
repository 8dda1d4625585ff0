"""Keeps the published keyring long enough: new day keys every day, the counter one higher, signed."""

from __future__ import annotations

import logging
from datetime import date, timedelta

from edge_agent.base.process_lock import alone
from edge_agent.base.stamp import Stamp
from edge_agent.wire import cose, keyring
from edge_agent.wire.authority import Officer, read_certificate
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.keyring import EpochKey, Keyring, day_of
from province.base.errors import NotAProvince, ProvinceError
from province.base.files import PUBLIC, write_atomically
from province.base.layout import Layout, Settings
from province.keys.keystore import Absent, Keystore, KeystoreAway
from province.keys.officers import read_root_public
from province.records.views import day_bounds_ms
from province.trust.operator_records import revoked_ids

_log = logging.getLogger(__name__)


def days_wanted(today: date, ahead: int) -> list[date]:
    """The days a keyring should hold: yesterday, for clocks that are a little slow at midnight, to `ahead` days from today.

    Example:
        >>> [day.isoformat() for day in days_wanted(date(2021, 10, 5), 1)]
        ['2021-10-04', '2021-10-05', '2021-10-06']
    """
    return [today + timedelta(days=offset) for offset in range(-1, ahead + 1)]


def compose(keystore: Keystore, settings: Settings, undated: EpochKey, now_ms: int, published: Keyring | None = None) -> Keyring:
    """A keyring for now. Keys are made only for days past the last published one: devices seal to what was published already.

    Args:
        keystore: has the keys of the published days.
        settings: how many days, and how they seal.
        undated: goes on as it is.
        now_ms: milliseconds since 1970 UTC.
        published: the keyring devices have now; None for a new province.

    Raises:
        KeystoreAway: the keystore cannot be read, or lacks what was published.
        OSError, KeyDamaged: keys cannot be read or written.
    """
    promised = {} if published is None else {key.epoch: key for key in published.keys if key.epoch != keyring.UNDATED}
    last = max(promised, default="")
    found = []
    for day in days_wanted(day_of(now_ms), settings.days):
        epoch = day.isoformat()
        keys = keystore.load(epoch) if epoch <= last else keystore.ensure(day, settings.suite)
        if keys is Absent.MISSING and epoch in promised:
            raise KeystoreAway(f"{keystore.folder}: has no keys for {epoch}, which are published. Mount or restore the whole keystore.")
        if isinstance(keys, Absent):
            continue  # destroyed, or never published: without a key for a day, its entries are sealed to the undated one
        if promised.get(epoch, keys.public) != keys.public:
            raise KeystoreAway(f"{keystore.folder}: has other keys for {epoch} than are published. Mount or restore the right keystore.")
        found.append(keys.public)
    counter = max(0 if published is None else published.counter, keystore.counter()) + 1
    keystore.note_counter(counter)
    return Keyring(counter, now_ms, (*found, undated), revoked_ids(keystore, now_ms))


class KeyringOffice:
    """The keyring of a province as it stands on disk; another process may change it too.

    Args:
        layout: the province.
        settings: its settings.
        officer: the key with the power of keyrings.

    Raises:
        NotAProvince: the keyring is missing or not of this province.
    """

    def __init__(self, layout: Layout, settings: Settings, officer: Officer) -> None:
        self._layout = layout
        self._settings = settings
        self.sign_as(officer)
        self._keystore = Keystore(layout.keystore)
        self._stamp = Stamp(layout.keyring)
        self._stamp.changed()
        self._stamp.taken()
        self.signed = read_signed(layout)
        self._current = check(layout, self.signed)

    def sign_as(self, officer: Officer) -> None:
        """Signs with this key and certificate from now on: they may have been renewed.

        Raises:
            NotAProvince: the root's public key cannot be read; whoever signed before goes on.
        """
        self._signer_ends_ms = read_certificate(officer.certificate, read_root_public(self._layout)).not_after_ms
        self._officer = officer

    @property
    def current(self) -> Keyring:
        """The keyring as last read or made."""
        return self._current

    @property
    def last_day(self) -> str:
        """The last day that has a key, YYYY-MM-DD."""
        return max(key.epoch for key in self._current.keys if key.epoch != keyring.UNDATED)

    @property
    def latest_day_ms(self) -> int:
        """The start of the latest day on which day keys were made, milliseconds since 1970 UTC: a clock that says less was put back.

        Raises:
            KeystoreAway: it cannot be told now.
        """
        newest = max(self._keystore.epochs(), default=None)
        return 0 if newest is None else day_bounds_ms(date.fromisoformat(newest) - timedelta(days=self._settings.days))[0]

    def extend(self, now_ms: int) -> bool:
        """Makes and signs a longer keyring if the days ahead have become too few, however many were missed, or an operator was revoked.

        Returns:
            Whether there is a new one, in `signed`, to publish.

        Raises:
            OSError, ProvinceError: it cannot be made now; the old one goes on being valid.
        """
        with alone(self._layout.keyring_lock):  # two keyrings of one counter would divide the scanners
            reread = self._read_again()
            return self._extend(now_ms) or reread

    def rotate(self, undated: EpochKey, now_ms: int) -> None:
        """Publishes another undated key; entries sealed to the one before go on arriving, so its private half must be kept for them.

        Raises:
            OSError, ProvinceError: nothing was changed.
        """
        with alone(self._layout.keyring_lock):  # two keyrings of one counter would divide the scanners
            self._read_again()
            self._write(compose(self._keystore, self._settings, undated, now_ms, self._current))

    def is_another(self) -> bool:
        """Whether the file has changed since it was read or written here; one stat()."""
        return self._stamp.changed()

    def _read_again(self) -> bool:
        self._stamp.changed()
        self._stamp.taken()
        signed = read_signed(self._layout)
        if signed == self.signed:
            return False
        self._current, self.signed = check(self._layout, signed), signed
        return True

    def _extend(self, now_ms: int) -> bool:
        wanted = {day.isoformat() for day in days_wanted(day_of(now_ms), self._settings.days)[1:]}
        revoked = set(revoked_ids(self._keystore, now_ms)) <= set(self._current.revoked)
        if revoked and wanted <= {key.epoch for key in self._current.keys}:
            return False
        undated = next(key for key in self._current.keys if key.epoch == keyring.UNDATED)
        longer = compose(self._keystore, self._settings, undated, now_ms, self._current)
        if revoked and {key.epoch for key in longer.keys} <= {key.epoch for key in self._current.keys}:
            return False  # the days it lacks are past ones, which get no keys any more
        self._write(longer)
        return True

    def _write(self, longer: Keyring) -> None:
        if longer.issued_ms > self._signer_ends_ms:  # nobody would take it, and the one there is would be gone
            raise ProvinceError("the key that signs keyrings is certified no longer. Renew it: gate-province certificates renew --help")
        signed = keyring.issue(longer, self._officer)
        write_atomically(self._layout.keyring, signed, PUBLIC)  # the private halves are on disk before the public ones are
        self._stamp.changed()
        self._stamp.taken()
        self.signed, self._current = signed, longer
        _log.info("keyring made counter=%d last_day=%s", longer.counter, self.last_day)


def read_signed(layout: Layout) -> bytes:
    """The signed keyring's bytes.

    Raises:
        NotAProvince: it is missing.
    """
    try:
        return layout.keyring.read_bytes()
    except OSError as error:
        raise NotAProvince(f"{layout.keyring}: the signed keyring cannot be read ({error.strerror}). Restore it from a backup.") from None


def check(layout: Layout, signed: bytes) -> Keyring:
    """The keyring, checked against the root.

    Raises:
        NotAProvince: damaged, or of another province.
    """
    try:
        return keyring.verify(signed, read_root_public(layout))
    except (Malformed, cose.Forged) as error:
        raise NotAProvince(f"{layout.keyring}: not this province's keyring ({error}). Restore it from a backup.") from None
