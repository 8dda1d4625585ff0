"""The device's small documents (enrolment, keyring, trip, gate state): TinyDB over a storage that a power cut cannot tear.

TinyDB's own JSON storage rewrites its file in place: a torn write leaves a file that no longer opens, and a file cut to nothing
opens as empty without a word. This one writes a new file, fsyncs it, keeps the previous version and renames.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from tinydb import TinyDB, where
from tinydb.storages import Storage

from edge_agent.base.disk import naming, sync_folder, written_beside

log = logging.getLogger(__name__)
FILE_NAME = "documents.json"  # enrolment, keyring and what comes from the province; the agent alone writes it
_CURES = {FILE_NAME: "; enrol this device again"}
_WRITING = threading.Lock()  # a write reads all and replaces all; one process writes, in more than one thread


class DocumentsDamaged(Exception):
    """Neither the file nor its previous version is whole."""


class AtomicStorage(Storage):
    """A TinyDB storage that is always either the old or the new version, never between.

    Args:
        path: the file; its previous version lies beside it with the suffix `.previous`.

    Raises:
        DocumentsDamaged: on read, when both versions are torn.
        OSError: the disk refuses. A newest version that it does not give any more (EIO) is as one that is torn.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._previous = path.with_name(path.name + ".previous")
        self._unread: OSError | None = None  # what the last reading met, and the previous version stood in for

    def read(self) -> dict[str, dict[str, Any]] | None:
        """The documents of the newest whole version, or None when there never was one."""
        found, self._unread = [], None
        for file in (self._path, self._previous):
            try:
                found.append(_bytes_of(file))
            except FileNotFoundError:  # a writer replaces the previous version while we look
                continue
            except OSError as error:
                if error.errno != errno.EIO or file is self._previous:
                    raise
                self._unread = error
        for data in found:
            if (documents := _unwrap(data)) is not None:
                return documents
        if self._unread is not None:
            raise self._unread
        if found:
            raise DocumentsDamaged(f"{self._path}: neither it nor its previous version is whole{_CURES.get(self._path.name, '')}")
        return None

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Replaces the documents; on disk to stay when it returns."""
        self.confirm()
        new = written_beside(self._path, _wrap(data))
        if self._unread is None and self._path.exists() and _unwrap(_bytes_of(self._path)) is not None:
            self._previous.unlink(missing_ok=True)
            os.link(self._path, self._previous)
        new.rename(self._path)
        sync_folder(self._path.parent)

    def confirm(self) -> None:
        """Refuses when the last reading had to go without the newest version, and that can be read again.

        A sector that the card has lost is as a torn file; what was only away for a moment must not be decided or written over with less.

        Raises:
            OSError: what that reading met.
        """
        if self._unread is None:
            return
        try:
            _bytes_of(self._path)
        except OSError as error:
            if error.errno == errno.EIO:
                return
            raise
        raise self._unread


def _bytes_of(file: Path) -> bytes:
    with naming(file):
        return file.read_bytes()


def _wrap(data: Mapping[str, Any]) -> bytes:
    text = json.dumps(data, ensure_ascii=False, sort_keys=True)
    return json.dumps({"sha256": sha256(text.encode()).hexdigest(), "documents": text}, ensure_ascii=False).encode()


def _unwrap(data: bytes) -> dict[str, dict[str, Any]] | None:
    """The documents, or None when the file is torn or changed."""
    try:
        outer = json.loads(data)
        text = outer["documents"]
        whole = sha256(text.encode()).hexdigest() == outer["sha256"]
        documents = json.loads(text)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return documents if whole and isinstance(documents, dict) else None


class Documents:
    """Named documents of one device, each a JSON object.

    Args:
        folder: the device's state folder.
        file_name: of the file; each file has one thread that writes it, since TinyDB reads, changes and writes the whole.
    """

    def __init__(self, folder: Path, file_name: str = FILE_NAME) -> None:
        self.path = folder / file_name
        self._storage = AtomicStorage(self.path)
        self._database = TinyDB(storage=lambda: self._storage)

    def get(self, name: str) -> dict[str, Any] | None:
        """A document by name, None when there is none.

        Raises:
            DocumentsDamaged: both versions of the file are torn.
        """
        found = self._database.get(where("name") == name)
        return None if found is None or isinstance(found, list) else found["value"]

    def get_sure(self, name: str) -> dict[str, Any] | None:
        """As `get`, for whoever decides something by it: a newest version that is away for a moment is asked for again.

        Raises:
            DocumentsDamaged: both versions of the file are torn.
            OSError: it comes and goes.
        """
        with suppress(OSError):
            return self._confirmed(name)
        return self._confirmed(name)

    def _confirmed(self, name: str) -> dict[str, Any] | None:
        found = self.get(name)
        self._storage.confirm()
        return found

    def put(self, name: str, value: Mapping[str, Any]) -> None:
        """Stores a document under its name, replacing the one before; on disk to stay when it returns."""
        self.change(name, lambda _before: value)

    def change(self, name: str, change: Callable[[dict[str, Any] | None], Mapping[str, Any] | None]) -> None:
        """Stores what `change` makes of a document, with no other write in between; as `put`.

        Args:
            name: the document's.
            change: told the document in force, None when there is none; returns the new one, None to leave all as it is.

        Raises:
            DocumentsDamaged: both versions of the file are torn.
        """
        with _WRITING:
            value = change(self.get_sure(name))
            if value is not None:
                self._database.upsert({"name": name, "value": dict(value)}, where("name") == name)

    def put_alone(self, name: str, value: Mapping[str, Any]) -> None:
        """As `put`, in a file that holds nothing else worth keeping: torn versions are set aside, which is said."""
        try:
            self.put(name, value)
        except DocumentsDamaged as error:
            log.warning("%s: set aside and written anew", error)
            self.set_aside()
            self.put(name, value)

    def remove(self, name: str) -> None:
        """Forgets a document, if there is one; forgotten to stay when it returns."""
        with _WRITING:
            self._database.remove(where("name") == name)

    def set_aside(self) -> None:
        """Keeps torn files under another name, so that new documents can be written."""
        for suffix in ("", ".previous"):
            file = self.path.with_name(self.path.name + suffix)
            with suppress(FileNotFoundError):
                file.rename(file.with_name(file.name + ".damaged"))

    def close(self) -> None:
        """Closes the database."""
        self._database.close()
