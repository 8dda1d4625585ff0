"""What every part of the province stands on: its folder, files, clock and errors."""
