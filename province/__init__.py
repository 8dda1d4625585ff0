"""The receiving end: keys, collector, register, and the demonstration of the whole chain."""
