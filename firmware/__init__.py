"""What runs at the gate: read, understand, decide, record, answer."""
