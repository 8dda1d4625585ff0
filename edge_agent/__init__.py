"""What carries records off the device: the sealed format, the outbox, the uplink."""
