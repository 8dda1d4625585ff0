"""One file that tells somebody far away how this scanner is."""
