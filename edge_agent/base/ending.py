"""How our services are told to end: a thread waits for the signal, so that nothing runs inside a signal handler."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)
RESTART_STATUS = 75  # sysexits.h EX_TEMPFAIL: ended because a restart was ordered; the units take it for a success
_LAST_WORD_S = 1.0


def stop_when_asked(stop: Callable[[], None], meanwhile: str = "") -> None:
    """Has `stop` called, in a thread of its own, when the process is asked to end, and ends the process at once when asked again.

    To be called in the main thread before any other thread starts: all of them then leave SIGTERM and SIGINT to the waiting one. A
    handler in the main thread could come while that thread holds the very lock that `stop` needs.

    Args:
        stop: asks the service to end; must not wait for it.
        meanwhile: what is done first, for the log.
    """
    ending = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)

    def wait() -> None:
        first = signal.sigwait(ending)
        stop()
        _log.info("stopping%s: %s; a second signal ends it at once", meanwhile and f" {meanwhile}", signal.Signals(first).name)
        again = signal.sigwait(ending)
        # A log nobody reads any more may be what hangs: it may keep a thread, not the process.
        telling = threading.Thread(target=_log.error, args=("ended at once: %s", signal.Signals(again).name), daemon=True)
        telling.start()
        telling.join(_LAST_WORD_S)
        os._exit(128 + again)

    threading.Thread(target=wait, name="ending", daemon=True).start()
