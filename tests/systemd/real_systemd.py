"""A real systemd with our units, in namespaces of its own: over this machine's files, none of which it can change.

Needs root, a version 2 control group to put it in, and systemd's own program; where one is missing the tests are skipped and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SYSTEMD = Path("/lib/systemd/systemd")
START_S = 20.0
_PAUSE_S = 0.02
_CODE = "/srv/gate-scanner"
_INSIDE = ["--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net", "--root", "--wd"]

# In new namespaces: this machine's root under a layer of memory, /proc/sys and /sys read-only, its own /run, /tmp and control groups.
_OUTER = r"""
set -e
base=$1; cd "$base"; mkdir -p layer root
mount --make-rprivate /
mount -t tmpfs layer layer; mkdir layer/up layer/work
mount -t overlay overlay -o lowerdir=/,upperdir=layer/up,workdir=layer/work root
mount -t proc proc root/proc; mount --bind root/proc/sys root/proc/sys; mount -o remount,ro,bind root/proc/sys
mount -t sysfs -o ro sysfs root/sys; mount -t cgroup2 cgroup2 root/sys/fs/cgroup
mount -t tmpfs -o mode=755 dev root/dev
for each in null zero full random urandom tty; do touch root/dev/$each; mount --bind /dev/$each root/dev/$each; done
mkdir root/dev/shm root/dev/pts; mount -t tmpfs shm root/dev/shm; mount --bind /dev/pts root/dev/pts
ln -s /proc/self/fd root/dev/fd; ln -s pts/ptmx root/dev/ptmx
for each in run tmp; do mkdir -p root/$each; mount -t tmpfs -o mode=755 $each root/$each; done
mkdir -p root$3 root/srv/given root/old; mount --rbind "$2" root$3; mount --bind "$base/given" root/srv/given
cd root; pivot_root . old; umount -l old; mount --make-rshared /
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin bash /srv/given/inner.sh
"""

# Installs the units and begins with nothing but what they need.
_INNER = f"""
set -e
systemd-sysusers {_CODE}/systemd/sysusers.d/gate-scanner.conf
systemd-tmpfiles --create {_CODE}/systemd/tmpfiles.d/gate-scanner.conf
mkdir -p /run/systemd/system; cd /run/systemd/system
cp {_CODE}/systemd/gate-firmware.service {_CODE}/systemd/gate-agent.service {_CODE}/systemd/gate-update*.* .
install -D -m 755 {_CODE}/debian/slots /usr/share/gate-scanner/slots
printf '[Unit]\\nDefaultDependencies=no\\n' > bare.target
ln -s /dev/null modprobe@.service  # the kernel is not ours to change
for each in firmware agent update update-late; do
    mkdir gate-$each.service.d
    log=append:/srv/given/$each.log
    printf '[Unit]\\nDefaultDependencies=no\\n[Service]\\nStandardOutput=%s\\nStandardError=%s\\n' $log $log \\
        > gate-$each.service.d/here.conf
done
printf 'BindReadOnlyPaths={_CODE}\\n' >> gate-agent.service.d/here.conf
mkdir -p /usr/lib/gate-scanner/current/bin
for each in gate-firmware:firmware gate-agent:edge_agent; do
    printf '#!/bin/sh\\nexport PYTHONPATH={_CODE}:%s\\nexec %s -m %s "$@"\\n' "$(cat /srv/given/packages)" "$(cat /srv/given/python)" \\
        ${{each##*:}} > /usr/lib/gate-scanner/current/bin/${{each%%:*}}
    chmod 755 /usr/lib/gate-scanner/current/bin/${{each%%:*}}
    install -m 755 {_CODE}/debian/launch /usr/bin/${{each%%:*}}
done
exec {SYSTEMD} --unit=bare.target --log-target=null
"""


class Machine:
    """What was booted.

    Attributes:
        given: a folder that both sides see, there as /srv/given: the logs are in it.
    """

    def __init__(self, pid: int, given: Path) -> None:
        self._pid, self.given = pid, given

    def run(self, *words: str) -> str:
        """Runs a command in there and returns what it said."""
        inside = ["nsenter", f"--target={self._pid}", *_INSIDE, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *words]
        done = subprocess.run(inside, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr + self.logs()
        return done.stdout

    def show(self, service: str, what: str) -> str:
        """One property of a service."""
        return self.run("systemctl", "show", "--value", "--property", what, service).strip()

    def wait_for(self, service: str, what: str, wanted: str) -> None:
        """Waits until a property of a service holds certain words."""
        until_s = time.monotonic() + START_S
        while wanted not in (now := self.show(service, what)):
            assert time.monotonic() < until_s, f"{service}: {what} is {now!r}, not {wanted!r}; {self.logs()}"

    def file(self, path: str) -> Path:
        """A file in there, as this side may open it."""
        return Path(f"/proc/{self._pid}/root{path}")

    def logs(self) -> str:
        """What the services said."""
        return "\n".join(path.read_text("utf-8") for path in sorted(self.given.glob("*.log")))


@contextmanager
def booted(folder: Path) -> Iterator[Machine]:
    """Boots; ends it and all that it started afterwards."""
    given, group = folder / "given", _group()
    given.mkdir()
    (given / "inner.sh").write_text(_INNER, encoding="utf-8")
    (given / "python").write_text(str(Path(sys.executable).resolve()), encoding="utf-8")
    packages = Path(sysconfig.get_path("purelib"))
    (given / "packages").write_text(
        f"{_CODE}/{packages.relative_to(ROOT)}" if packages.is_relative_to(ROOT) else str(packages), encoding="utf-8"
    )
    spaces = "--mount --pid --fork --kill-child --cgroup --uts --ipc --net"
    script = f'echo $$ > "{group}/cgroup.procs"; exec unshare {spaces} bash -c "$0" bash "$@"'
    with (folder / "boot.log").open("wb") as log:
        outer = subprocess.Popen(["bash", "-c", script, _OUTER, str(folder), str(ROOT), _CODE], stdout=log, stderr=log)
    try:
        yield Machine(_first_process(outer, folder), given)
    finally:
        outer.kill()  # and with it the first process of the namespace, and so all in it
        outer.wait(START_S)
        _remove(group)


def _group() -> Path:
    if os.geteuid() or not SYSTEMD.exists() or not shutil.which("nsenter"):
        pytest.skip("a systemd of our own needs root, systemd and util-linux")
    mounts = [line.split() for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    where = next((Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"), None)
    if where is None:
        pytest.skip("no version 2 control groups here")
    group = where / f"gate-scanner-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group for a systemd of our own: {error}")
    return group


def _first_process(outer: subprocess.Popen[bytes], folder: Path) -> int:
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s and outer.poll() is None:
        with suppress(OSError, IndexError, subprocess.TimeoutExpired):
            pid = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text("ascii").split()[0])
            if Path(f"/proc/{pid}/root/run/systemd/private").exists():
                return pid
            outer.wait(_PAUSE_S)
    outer.kill()
    pytest.skip(f"systemd cannot be booted here: {(folder / 'boot.log').read_text('utf-8', errors='replace')[-500:]}")


def _remove(group: Path) -> None:
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s:
        with suppress(OSError):
            for inner in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
                inner.rmdir()
            group.rmdir()
            return
