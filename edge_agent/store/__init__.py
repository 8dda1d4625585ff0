"""The outbox: what is recorded and not yet receipted, and how a damaged one is rescued."""
