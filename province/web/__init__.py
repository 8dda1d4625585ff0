"""The province's pages for browsers: who is in, the guard before them, and the frame that each room's section of pages stands in."""
