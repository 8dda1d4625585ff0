"""Draws how figures grow with the register as SVG."""
def draw(x): return ""
def noted(*a): return "{}"
