"""The operator's desk: the fleet as a web page and in a terminal, its alerts told on, commands with confirmation."""
