"""How the device is, counted and told."""
