"""The whole diagnosis of a scanner: every part there is, with its summary in front."""

from __future__ import annotations

import time
from pathlib import Path

from edge_agent.diagnosis import diagnosis, diagnosis_device, diagnosis_machine
from edge_agent.diagnosis.diagnosis import Bundle
from edge_agent.diagnosis.diagnosis_summary import summarise


def bundle(config: Path) -> Bundle:
    """Everything about the scanner whose configuration file this is; it may be wrong or not there."""
    parts = (*diagnosis_machine.PARTS[:2], *diagnosis_device.PARTS, *diagnosis_machine.PARTS[2:])
    return diagnosis.make(diagnosis.scene_of(config), parts, summarise, time.time_ns() // 1_000_000)
