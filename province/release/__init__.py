"""Signed software for scanners, and its way to many of them."""
