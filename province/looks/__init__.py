"""Looking somebody up, along with a second officer, and what is kept of one person."""
