"""What device and province say to each other: bytes, names, keys, signatures. Imports nothing but `base`."""
