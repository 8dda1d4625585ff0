"""For which releases this machine is: its architecture and its Python."""

from __future__ import annotations

import platform
import sys

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture() -> str:
    """As Debian names it, `arm64` or `amd64`; the kernel's word where it is another."""
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def python() -> str:
    """The minor version, such as `3.11`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"
