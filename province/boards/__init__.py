"""What people look at from morning to night: the board of a place, live, and the home page that says what needs whom now."""
