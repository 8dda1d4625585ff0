"""What pages of a device and of the province share: the guard before them, their forms, the server under them; not loaded without any."""
