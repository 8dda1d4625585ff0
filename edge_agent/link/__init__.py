"""Connections: to the broker, and to the province's door."""
