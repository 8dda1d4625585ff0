"""How scanners join: by the door, or by a file carried by hand."""
