"""The commands of gate-province, one a file."""
