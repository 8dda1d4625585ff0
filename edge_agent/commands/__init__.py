"""Signed commands and configuration from afar: judged, kept, carried out, answered."""
