"""Signed orders to scanners, from the province or an organisation's desk."""
