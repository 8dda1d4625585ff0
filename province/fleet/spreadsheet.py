"""The list of devices for a spreadsheet."""

from __future__ import annotations

import csv
import io

from province.base.harmless import harmless
from province.fleet.sight import Row


def table(rows: list[Row]) -> str:
    """The list for a spreadsheet; UTF-8 with its mark, so that Vietnamese letters arrive."""
    made = io.StringIO()
    writer = csv.writer(made)
    columns = ("org", "device", "site", "gate", "state", "troubles", "waiting", "entries_today", "temperature_c", "software", "heard_ms")
    writer.writerow(columns)
    for row in rows:
        seen, told = row.seen, row.seen.telemetry
        texts = (seen.name.org, seen.name.device, seen.site, seen.gate, str(row.state), " ".join(alert.trouble for alert in row.alerts))
        waiting = None if told is None or told.outbox is None else told.outbox.waiting
        today = None if told is None or told.log is None else told.log.entries_today
        warm, software = (None, "") if told is None else (told.cpu.temperature_c, told.versions.software)
        writer.writerow((*map(harmless, texts), waiting, today, warm, harmless(software), row.heard_ms or None))
    return "\ufeff" + made.getvalue()
