"""Carries sealed entries to the province and lets the outbox forget them."""
