"""The recipes for a card: what each system takes, who may log in, and a partition made on a real file system."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from edge_agent.device.mounts import CARD

IMAGE = Path(__file__).parents[2] / "debian" / "image"
STATE_UNIT = r"var-lib-gate\x2dscanner.mount"
DEVICE = r"dev-disk-by\x2dlabel-gate\x2dstate.device"
SCRIPTS = sorted(path for path in IMAGE.rglob("*") if path.is_file() and os.access(path, os.X_OK))
RECIPES = [IMAGE / "custom.toml", *sorted((IMAGE / "cloud-init").iterdir()), IMAGE / "pi-gen" / "config"]
# What Raspberry Pi OS's init_config knows of custom.toml; it only warns of the rest
CUSTOM = {
    "system": {"hostname"},
    "user": {"name", "password", "password_encrypted"},
    "ssh": {"enabled", "password_authentication", "authorized_keys", "ssh_import_id"},
    "wlan": {"ssid", "password", "password_encrypted", "hidden", "country"},
    "locale": {"keymap", "timezone"},
}
MB = 1_048_576


def test_custom_toml_says_what_raspberry_pi_os_knows_and_gives_nobody_a_password() -> None:
    custom = tomllib.loads((IMAGE / "custom.toml").read_text("utf-8"))
    assert custom.pop("config_version") == 1
    assert {section: set(keys) - CUSTOM[section] for section, keys in custom.items()} == {section: set() for section in custom}
    assert "password" not in custom["user"]
    assert custom["ssh"]["password_authentication"] is False
    assert custom["wlan"]["password"].startswith("REPLACE")


@pytest.mark.skipif(shutil.which("cloud-init") is None, reason="cloud-init is not here; `make image-check` asks it in a Debian of its own")
def test_cloud_init_takes_user_data() -> None:
    done = subprocess.run(
        ["cloud-init", "schema", "--config-file", IMAGE / "cloud-init" / "user-data"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_no_recipe_brings_a_password_for_a_person(recipe: Path) -> None:
    text = recipe.read_text("utf-8")
    assert not re.search(r"plain_text_passwd|hashed_passwd|chpasswd|^\s*passwd:|^FIRST_USER_PASS|^WPA_PASSWORD", text, re.MULTILINE)
    assert set(re.findall(r"ssh-ed25519 (\S+)", text)) <= {"REPLACE-THIS-BY-YOUR-PUBLIC-KEY"}
    if recipe.name == "config":
        assert "\nENABLE_SSH=0\n" in text
        assert "\nPUBKEY_ONLY_SSH=1\n" in text


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_is_one_that_bash_reads_and_that_says_what_it_is_for(script: Path) -> None:
    assert subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=True).stderr == ""
    assert script.read_text("utf-8").splitlines()[1].startswith("# ")


def test_recipes_call_the_one_script_and_repeat_nothing_of_it() -> None:
    for recipe in ("cloud-init/user-data", "pi-gen/stage-gate/00-gate/00-run.sh"):
        text = (IMAGE / recipe).read_text("utf-8")
        assert "/usr/share/gate-scanner/image/prepare" in text
        assert "overlayroot" not in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here: apt install systemd")
def test_systemd_finds_nothing_wrong_with_a_cards_units(tmp_path: Path) -> None:
    for unit in (*IMAGE.glob("units/*.service"), IMAGE / "units" / "state.mount"):
        text = re.sub(r"(?<=^ExecStart=)/usr/share\S+", "/bin/true", unit.read_text("utf-8"), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    bound = (IMAGE / "units" / "bound.mount").read_text("utf-8")
    (tmp_path / STATE_UNIT).write_text(bound.replace("@NAME@", "gate-scanner"), encoding="utf-8")
    units = sorted(tmp_path.iterdir())
    (tmp_path / f"{DEVICE}.d").mkdir()
    shutil.copy(IMAGE / "units" / "device.conf", tmp_path / f"{DEVICE}.d")
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_firmware_starts_without_the_partition_and_after_it() -> None:
    drop_in = (IMAGE / "units" / "firmware.conf").read_text("utf-8").splitlines()
    assert {f"Wants={STATE_UNIT}", f"After={STATE_UNIT}", "StateDirectory="} <= set(drop_in)
    assert not any(line.startswith(("Requires", "BindsTo")) for line in drop_in)


def values(unit: str, key: str) -> set[str]:
    lines = (IMAGE / "units" / unit).read_text("utf-8").splitlines()
    return {word for line in lines if line.startswith(f"{key}=") for word in line.removeprefix(f"{key}=").split()}


def test_a_partition_that_comes_late_is_mounted_and_brings_what_waited_for_it() -> None:
    assert "state.mount" in values("device.conf", "Wants")
    assert "systemd-udevd.service" in values("device.conf", "After")  # else its seconds run before anybody looks for disks
    waited = {STATE_UNIT, "gate-slots.service", "gate-agent.service", "gate-card-seal.service", "chrony.service"}
    assert waited <= values("state.mount", "Wants")
    assert values("gate-card-seal.service", "Restart") == {"on-failure"}
    assert values("gate-card-seal.service", "StartLimitIntervalSec") == {"0"}
    assert STATE_UNIT in values("gate-card-seal.service", "After")


def test_prepare_lays_the_file_by_which_firmware_knows_a_card() -> None:
    assert "put firmware.conf $units/gate-firmware.service.d/card.conf" in (IMAGE / "prepare").read_text("utf-8")
    assert str(CARD) == "/etc/systemd/system/gate-firmware.service.d/card.conf"


def test_what_an_owner_lays_on_the_boot_partition_is_taken_whatever_editor_wrote_it(tmp_path: Path) -> None:
    laid, root = tmp_path / "boot", tmp_path / "root"
    laid.mkdir()
    take = [IMAGE / "take-files", laid, root]
    subprocess.run(take, check=True)
    assert not root.exists()
    (laid / "gate.toml").write_bytes('\ufeff[gate]\r\nquiet_hours = ""  # Chợ Cốc Lều\r\n'.encode())
    (laid / "chợ.nmconnection").write_bytes(b"[wifi]\r\nssid=cho\r\n")
    subprocess.run(take, check=True)
    config, connection = root / "etc/gate-scanner/gate.toml", root / "etc/NetworkManager/system-connections/chợ.nmconnection"
    assert config.read_bytes() == '[gate]\nquiet_hours = ""  # Chợ Cốc Lều\n'.encode()
    assert config.stat().st_mode & 0o777 == 0o644  # the gate's user reads it
    assert connection.read_bytes() == b"[wifi]\nssid=cho\n"
    assert connection.stat().st_mode & 0o777 == 0o600  # NetworkManager takes no other
    assert {path.name for path in root.rglob("*") if path.is_file()} == {"gate.toml", "chợ.nmconnection"}


def tools(*names: str) -> None:
    missing = [name for name in names if shutil.which(name) is None]
    if os.geteuid() or missing:
        pytest.skip(f"a card is partitioned by root, with {', '.join(missing) or 'loop devices'}")


def made(image: Path, *more: str) -> Path:
    """An image as Raspberry Pi OS's are: a FAT and an ext4 partition."""
    start = 4 + 40  # MB
    with image.open("wb") as file:
        file.truncate((start + 20) * MB)
    table = ["label: dos", "label-id: 0xcafe0001", "start=8192, size=81920, type=c", f"start={start * 2048}, size=40960, type=83", *more]
    subprocess.run(["sfdisk", "--quiet", image], input="\n".join(table), text=True, check=True)
    for offset, make in ((4, ["mkfs.vfat", "-n", "bootfs"]), (start, ["mkfs.ext4", "-q", "-L", "rootfs"])):
        blocks = str((40 if offset == 4 else 20) * 1024)
        how = ["--offset", str(offset * 2048)] if make[0] == "mkfs.vfat" else ["-E", f"offset={offset * MB}"]
        subprocess.run([*make, *how, image, blocks], capture_output=True, check=True)
    put = ["mcopy", "-i", f"{image}@@{4 * MB}", "-", "::cmdline.txt"]
    subprocess.run(put, input="root=PARTUUID=cafe0001-02 resize rootwait\n", text=True, check=True)
    return image


def partitions(image: Path) -> list[tuple[int, int]]:
    rows = subprocess.run(["sfdisk", "--dump", image], capture_output=True, text=True, check=True).stdout
    return [(int(start), int(size)) for start, size in re.findall(r"start= *(\d+), size= *(\d+)", rows)]


def test_an_image_gets_its_writable_partition_behind_a_larger_root(tmp_path: Path) -> None:
    tools("sfdisk", "mkfs.vfat", "mkfs.ext4", "losetup", "mcopy")
    image = made(tmp_path / "card.img")
    before = partitions(image)
    done = subprocess.run([IMAGE / "partition", image, "30", "16"], capture_output=True, text=True, check=False)
    if "losetup" in done.stderr:
        pytest.skip(f"no loop devices here: {done.stderr}")
    assert done.returncode == 0, done.stdout + done.stderr
    boot, root, state = partitions(image)
    assert boot == before[0]
    assert root == (before[1][0], 30 * 2048)
    assert state[0] >= sum(root)
    assert state[1] == 16 * 2048
    for (start, _size), label in ((root, "rootfs"), (state, "gate-state")):
        told = subprocess.run(["blkid", "--probe", "--offset", str(start * 512), image], capture_output=True, text=True, check=True).stdout
        assert f'LABEL="{label}"' in told
    told = subprocess.run(["mtype", "-i", f"{image}@@{4 * MB}", "::cmdline.txt"], capture_output=True, text=True, check=True).stdout
    assert told == "root=PARTUUID=cafe0001-02 rootwait\n"  # else the root would grow over it
    assert "label-id: 0xcafe0001" in subprocess.run(["sfdisk", "--dump", image], capture_output=True, text=True, check=True).stdout
    again = subprocess.run([IMAGE / "partition", image], capture_output=True, text=True, check=False)
    assert (again.returncode, "has 3 partitions" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    "table",
    [
        # Debian's image for clouds: the root first, the EFI partition second and before it on the disk
        "label: gpt\nstart=8192, size=40960, type=linux\nstart=2048, size=4096, type=uefi",
        "label: dos\nstart=4096, size=8192, type=83\nstart=16384, size=8192, type=83",
        "label: dos\nstart=16384, size=8192, type=c\nstart=4096, size=8192, type=83",
    ],
)
def test_a_card_laid_out_in_another_way_is_refused_in_words_and_left_as_it_was(tmp_path: Path, table: str) -> None:
    tools("sfdisk", "losetup", "mcopy")
    image = tmp_path / "other.img"
    with image.open("wb") as file:
        file.truncate(40 * MB)
    subprocess.run(["sfdisk", "--quiet", image], input=table, text=True, check=True)
    before = image.read_bytes()
    done = subprocess.run([IMAGE / "partition", image, "0", "16"], capture_output=True, text=True, check=False)
    assert (done.returncode, "nothing was changed" in done.stderr) == (1, True)
    assert len(done.stderr.splitlines()) == 1
    assert image.read_bytes().rstrip(b"\0") == before.rstrip(b"\0")
