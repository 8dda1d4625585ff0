"""What this release leaves on a device's disk, as numbers: an update that another number would follow has no way back, and is refused.

`gate-province release add` reads this file inside a release's wheel, without running it: plain assignments of numbers only. The rule: a
release reads and writes exactly what its number says; whoever changes the outbox's tables or what `documents.json` holds in a way that the
release before cannot go on with raises the number, and tests/edge_agent/test_stored_formats.py says so. Source: decision 0091.
"""

OUTBOX = 1  # the outbox's tables: `outbox.SCHEMA_VERSION`
DOCUMENTS = 1  # documents.json, commands.json and the other small files in the state folder
BASE = 1  # units, launcher and folders that this release needs from its Debian package; see debian/slots
