"""The commands of gate-agent, one a file."""
