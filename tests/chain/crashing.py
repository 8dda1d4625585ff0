"""Runs one of our programs with a fault in some of its stages, as nasty as a library's can be: it says all that was at hand, in every way.

`python crashing.py STAGE,STAGE FILE PROGRAM WORDS…`: FILE holds what was at hand. Each stage fails once, and leaves FILE.STAGE to say so.
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading
import warnings
from pathlib import Path
from typing import Any, NoReturn

STAGES = {
    "decoder": ("firmware.decoder", "Decoder.look"),
    "reader": ("firmware.sources", "Source._take_lines"),
    "parser": ("firmware.attendant", "sort_code"),
    "pass": ("firmware.attendant", "read_pass"),
    "gate": ("firmware.gate", "Gate.judge"),
    "sealing": ("firmware.recording", "Recording.passage"),
    "recorder": ("edge_agent.store.recorder", "Recorder.append"),
    "feedback": ("firmware.feedback", "Feedback.answer"),
    "telling": ("firmware.control_server", "ControlServer.tell"),
    "opening": ("firmware.gatehouse", "Gatehouse.run"),
    "uplink": ("edge_agent.carry.uplink", "Uplink._send"),
    "receipts": ("edge_agent.carry.uplink", "Uplink._arrived"),
}
PRINTS = "leak"  # a stage that does what no rule can hinder: it prints, so that the search has something to find


def fail(held: str) -> NoReturn:
    logging.getLogger("library").error("met %s", held)
    logging.getLogger("library").error(f"met {held}")  # noqa: G004 - as libraries do
    warnings.warn(held, RuntimeWarning, stacklevel=2)
    thread = threading.Thread(target=lambda: int(held), name="part")
    thread.start()
    thread.join()
    try:
        raise KeyError(held)  # noqa: TRY301 - a library's, here
    except KeyError as error:
        logging.getLogger("library").exception(held)
        raise ValueError(f"cannot be read: {held!r}") from error


def spoil(stage: str, file: Path) -> None:
    module, path = STAGES["parser" if stage == PRINTS else stage]
    owner: Any = importlib.import_module(module)
    *holders, name = path.split(".")
    for holder in holders:
        owner = getattr(owner, holder)
    whole, failed, held = getattr(owner, name), file.with_suffix(f".{stage}"), file.read_text("utf-8")

    def once(*args: Any, **named: Any) -> Any:
        if not failed.exists():
            failed.touch()
            if stage != PRINTS:
                fail(held)
            sys.stderr.write(f"met {held}\n")
        return whole(*args, **named)

    setattr(owner, name, once)


def main() -> int:
    stages, file, program, *words = sys.argv[1:]
    for stage in stages.split(","):
        spoil(stage, Path(file))
    sys.argv = [program, *words]
    entry = importlib.import_module(f"{program}.__main__")
    return int(entry.main(words))


if __name__ == "__main__":
    sys.exit(main())
