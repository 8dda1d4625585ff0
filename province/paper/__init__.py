"""Personal codes on paper."""
