"""Founding a province, renewing and revoking what it proves itself with, and its broker's rights."""
