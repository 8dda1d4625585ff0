"""A signed release: fetched, checked, put on trial, kept or taken back."""
