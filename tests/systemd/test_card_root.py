"""What `prepare` and `seal` do to a system: run whole, in a root of their own, in which they can change nothing of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

IMAGE = Path(__file__).parents[2] / "debian" / "image"
ID = "0123456789abcdef0123456789abcdef"
# A root in memory, with this machine's /usr; systemctl and dpkg-query answer and note what they were asked. What is left is copied out.
_ROOT = r"""
set -e
out=$1; image=$2; before=$3; shift 3
mount --make-rprivate /
mount -t tmpfs root "$out/root"; cd "$out/root"
mkdir -p usr proc dev etc tmp image asked state boot/firmware var/lib/gate-scanner var/lib/gate-scanner-slots
for each in bin sbin lib lib64; do ln -s usr/$each $each; done
for each in usr dev; do mount --rbind /$each $each; mount -o remount,ro,bind $each; done
mount --bind "$image" image; mount -t proc proc proc
printf '#!/bin/sh\necho "$0 $*" >>/asked/all\n' >asked/systemctl
printf '#!/bin/sh\necho install ok installed\n' >asked/dpkg-query
chmod 755 asked/*
echo 'console=tty1 resize boot=overlay' >boot/firmware/cmdline.txt; echo 'arm_64bit=1' >boot/firmware/config.txt
echo "$ID" >etc/machine-id
printf 'LABEL=BOOT /boot/firmware vfat defaults 0 2\n' >etc/fstab
eval "$before"
code=0; chroot . env -i PATH=/asked:/usr/sbin:/usr/bin bash -c "$*" || code=$?
cp -a etc boot asked "$out"; exit $code
"""
PARTITION = (
    "mkdir part; mount -t tmpfs part part; mkdir part/gate-scanner; "
    "mount --bind part state; mount --bind part/gate-scanner var/lib/gate-scanner"
)
HELD = "touch var/lib/gate-scanner/outbox.sqlite"


def run(out: Path, command: str, before: str = "") -> subprocess.CompletedProcess[str]:
    if os.geteuid() or shutil.which("unshare") is None:
        pytest.skip("a root of its own is for root, with unshare")
    (out / "root").mkdir()
    words = ["unshare", "--mount", "bash", "-c", _ROOT, "bash", str(out), str(IMAGE), before, command]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "ID": ID})


def told(out: Path) -> str:
    asked = out / "asked" / "all"
    return asked.read_text("utf-8") if asked.exists() else ""


def test_a_prepared_system_has_no_swap_no_password_and_its_units(tmp_path: Path) -> None:
    done = run(tmp_path, "image/prepare && image/prepare")
    assert done.returncode == 0, done.stderr
    assert "\n[Main]\nMechanism=none\n" in (tmp_path / "etc/rpi/swap.conf.d/gate-scanner.conf").read_text("utf-8")
    assert "dphys-swapfile.service" in told(tmp_path)
    assert "PasswordAuthentication no\n" in (tmp_path / "etc/ssh/sshd_config.d/10-gate-scanner.conf").read_text("utf-8")
    assert (tmp_path / "boot/firmware/cmdline.txt").read_text("utf-8") == "console=tty1 cgroup_enable=memory fsck.repair=yes\n"
    assert (tmp_path / "boot/firmware/config.txt").read_text("utf-8").count("dtparam=watchdog=on") == 1
    units = {path.name for path in (tmp_path / "etc/systemd/system").rglob("*") if path.is_file()}
    assert {"state.mount", "card.conf", "gate-card-seal.service", r"var-lib-gate\x2dscanner.mount"} <= units


@pytest.mark.parametrize("held", [HELD, "mkdir var/lib/gate-scanner/identity", "touch var/lib/gate-scanner-slots/current"])
def test_a_gate_in_use_is_not_prepared_and_is_told_what_to_do(tmp_path: Path, held: str) -> None:
    done = run(tmp_path, "image/prepare", held)
    assert done.returncode == 1
    assert f"/var/{held.split('var/')[1]}" in done.stderr
    assert "nothing was changed" in done.stderr
    assert "cp -a /var/lib/gate-scanner" in done.stderr
    assert not (tmp_path / "etc/systemd").exists()
    assert told(tmp_path) == ""


def test_what_each_start_makes_anew_and_what_lies_on_the_partition_hold_nobody_up(tmp_path: Path) -> None:
    fresh = "touch var/lib/gate-scanner/firmware.lock var/lib/gate-scanner/check.json"
    done = run(tmp_path, "image/prepare", f"{fresh}; {PARTITION}; {HELD}")
    assert done.returncode == 0, done.stderr


def test_seal_lays_memory_over_the_root_alone_and_starts_anew(tmp_path: Path) -> None:
    done = run(tmp_path, "image/seal", f"{PARTITION}; {HELD}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "etc/overlayroot.local.conf").read_text("utf-8") == 'overlayroot="tmpfs:recurse=0"\n'
    assert (tmp_path / "etc/fstab").read_text("utf-8") == "LABEL=BOOT /boot/firmware vfat defaults,ro 0 2\n"
    assert told(tmp_path) == "/asked/systemctl --no-block reboot\n"


@pytest.mark.parametrize(
    "before, why",
    [
        ("", "there is no partition gate-state"),
        ("mount -t tmpfs part state", "is not on the partition gate-state"),
        (f"{PARTITION}; echo uninitialized >etc/machine-id", "no machine id"),
        (f"{HELD}; {PARTITION}", "has entries or keys under the mounted one"),
    ],
)
def test_seal_refuses_what_would_lose_something_and_says_why(tmp_path: Path, before: str, why: str) -> None:
    done = run(tmp_path, "image/seal", before)
    assert done.returncode == 1
    assert "the root stays writable" in done.stderr
    assert why in done.stderr
    assert not (tmp_path / "etc/overlayroot.local.conf").exists()
    assert told(tmp_path) == ""
