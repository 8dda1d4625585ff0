"""Shows that a scanner's day is complete, or where it is not."""
