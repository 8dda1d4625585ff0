"""A pytest plugin for tests under an emulated processor (`make arm64`): gives them more time, skips what emulation cannot do, says why.

The emulator (qemu-user) translates a program's instructions and passes its system calls to this machine's kernel: what looks at another
process from outside, or asks the kernel for what it was not built to pass on, does not work. `$GATE_TEST_PATIENCE` is how many times as
long a test may take and wait.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

PATIENCE = float(os.environ.get("GATE_TEST_PATIENCE", "1"))
_TESTS = Path(__file__).parent.parent
# Why something is not tried
_IOCTL = "the emulator answers an ioctl(2) that it does not know by itself, and the kernel is not asked"
_SYSTEMD = "boots a systemd of its own in namespaces, whose programs would each be emulated: tried on the machine itself"
_PTRACE = "strace looks into another process by ptrace(2), which the emulator has not"
# A pattern of a test's name, from the top folder on
CANNOT: tuple[tuple[str, str], ...] = (
    (r"tests/drivers/test_gpio_lines\.py::test_a_file_that_is_no_chip_is_refused_by_the_real_kernel", _IOCTL),
    (r"tests/drivers/test_hid_reader\.py::test_a_file_that_is_no_event_device_cannot_be_grabbed", _IOCTL),
    (r"tests/systemd/test_real_systemd\.py", _SYSTEMD),
    (r"tests/systemd/test_units\.py::test_firmware_makes_no_call_that_its_unit_forbids", _PTRACE),
)


def pytest_configure() -> None:
    """Has Hypothesis not call a slow machine a test's fault."""
    settings.register_profile("emulated", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("emulated")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what cannot be tried, and lengthens each test's own time-out; the general one is pyproject.toml's."""
    for item in items:
        for pattern, reason in CANNOT:
            if re.match(pattern, item.nodeid):
                item.add_marker(pytest.mark.skip(reason=f"emulated: {reason}"))
        if own := item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(own.args[0] * PATIENCE), append=False)


def pytest_collection_finish() -> None:
    """Lengthens how long tests wait for what must come: `WAIT_S` of each module of theirs, by name."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(_TESTS) and isinstance(getattr(module, "WAIT_S", None), float):
            module.WAIT_S *= PATIENCE  # type: ignore[attr-defined] # just seen
