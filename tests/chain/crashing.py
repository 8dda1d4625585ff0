"""Runs one of our programs with a fault in one of its stages, as nasty as a library's can be: it says all that was at hand, in every way.

`python crashing.py STAGE FILE PROGRAM WORDS…`: STAGE is one of `STAGES`, FILE holds what was at hand.
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
    "recorder": ("edge_agent.recorder", "Recorder.append"),
    "feedback": ("firmware.feedback", "Feedback.answer"),
    "telling": ("firmware.control_server", "ControlServer.tell"),
    "opening": ("firmware.gatehouse", "Gatehouse.run"),
    "uplink": ("edge_agent.uplink", "Uplink._send"),
    "receipts": ("edge_agent.uplink", "Uplink._arrived"),
}
PRINTS = "leak"  # a stage that does what no rule can hinder: it prints, so that the search has something to find


def failing(held: str) -> Any:
    def stage(*_args: object, **_named: object) -> NoReturn:
        logging.getLogger("library").error("met %s", held)
        logging.getLogger("library").error(f"met {held}")  # noqa: G004 - as libraries do
        warnings.warn(held, RuntimeWarning, stacklevel=2)
        thread = threading.Thread(target=lambda: int(held), name="part")
        thread.start()
        thread.join()
        try:
            raise KeyError(held)
        except KeyError as error:
            logging.getLogger("library").exception(held)
            raise ValueError(f"cannot be read: {held!r}") from error

    return stage


def spoil(stage: str, held: str) -> None:
    module, path = STAGES["parser" if stage == PRINTS else stage]
    owner: Any = importlib.import_module(module)
    *holders, name = path.split(".")
    for holder in holders:
        owner = getattr(owner, holder)
    if stage == PRINTS:
        whole = getattr(owner, name)

        def printing(*args: object) -> object:
            sys.stderr.write(f"met {held}\n")
            return whole(*args)

        setattr(owner, name, printing)
    else:
        setattr(owner, name, failing(held))


def main() -> int:
    stage, file, program, *words = sys.argv[1:]
    spoil(stage, Path(file).read_text("utf-8"))
    sys.argv = [program, *words]
    entry = importlib.import_module(f"{program}.__main__")
    return int(entry.main(words))


if __name__ == "__main__":
    sys.exit(main())
