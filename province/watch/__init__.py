"""Takes what scanners tell of their health, judges it, and raises alerts."""
