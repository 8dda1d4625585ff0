"""What every process of the project stands on: disk, log, notes to systemd, the command line."""
