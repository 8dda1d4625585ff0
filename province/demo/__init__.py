"""The whole chain on one machine, with invented people."""
