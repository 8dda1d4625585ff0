"""How a device joins, renews its certificate, is taken over and reset."""
