"""A PostgreSQL server of the tests' own: in a temporary folder, on a socket there, as a user without rights, gone when the tests are."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Self

import psycopg

from province.base.layout import Layout
from province.store import database

_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
BIN = _FOLDERS[-1] if _FOLDERS else None
MISSING = "PostgreSQL is not installed here (Debian: postgresql)"
_READY = "database system is ready to accept connections"


class Server:
    """One server; `database` makes a new, empty database each time."""

    def __init__(self, *, fsync: bool = False) -> None:
        self._fsync = "on" if fsync else "off"
        assert BIN is not None, MISSING
        self.bin = BIN
        self.folder = Path(tempfile.mkdtemp(prefix="gate-postgres-"))  # short: the path of a socket has 107 bytes
        self._numbers = itertools.count(1)
        # root may not run it; whoever kills the tests kills the server
        self._as_nobody = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        if self._as_nobody:
            shutil.chown(self.folder, "postgres", "postgres")
        words = [self.bin / "initdb", "-D", self.folder / "data", "-U", "gate", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run([*self._as_nobody, *map(str, words)], check=True, capture_output=True, timeout=60)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Starts it and waits until it takes connections."""
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.folder), "fsync": self._fsync, "max_connections": "50"}
        settings["log_min_messages"] = "log"  # what nobody reads must not fill its pipe
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        # by setpriv last, or the new user's program would not be told of its parent's death
        dying = ["setpriv", "--pdeathsig", "INT", *self._as_nobody[1:]]
        command = [*dying, str(self.bin / "postgres"), "-D", str(self.folder / "data"), *words]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        said = []
        for line in self._process.stderr:
            said.append(line)
            if _READY in line:
                return self
        raise AssertionError("".join(said))

    def kill(self) -> None:
        """As a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate(timeout=30)

    def restart(self) -> None:
        """Everybody is thrown out at once, nothing is written out first; the next start recovers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)
        self._process.communicate(timeout=30)
        self.start()

    def stop(self) -> None:
        """Stops it for good."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # fast: who is connected is thrown out
            self._process.communicate(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str) -> str:
        return f"postgresql:///{name}?host={self.folder}&user=gate"

    def database(self) -> str:
        """The address of a new, empty database."""
        name = f"register_{next(self._numbers)}"
        with closing(psycopg.connect(self.url("postgres"), autocommit=True)) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def moved_here(self, layout: Layout, today: date | None = None) -> Layout:
        """A province's register, still empty, on this server instead of in its file."""
        for file in layout.root.glob("register.sqlite*"):
            file.unlink()
        database.create(layout.register, self.database(), today)
        return layout
