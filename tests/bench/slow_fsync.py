"""Makes the disk of a process slow: a preloaded library that waits at each fsync, as a tired SD card does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
static void wait_a_moment(void) { struct timespec t = {0, DELAY_MS * 1000000L}; nanosleep(&t, 0); }
int fsync(int fd) { wait_a_moment(); return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd); }
int fdatasync(int fd) { wait_a_moment(); return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd); }
"""


def slow_fsync(folder: Path, delay_ms: int) -> dict[str, str]:
    """The environment of a process whose fsync takes so much longer; needs a C compiler."""
    source, library = folder / "slow_fsync.c", folder / "slow_fsync.so"
    source.write_text(_SOURCE, encoding="ascii")
    subprocess.run(["cc", "-shared", "-fPIC", f"-DDELAY_MS={delay_ms}L", "-o", library, source, "-ldl"], check=True)
    return {**os.environ, "LD_PRELOAD": str(library)}
