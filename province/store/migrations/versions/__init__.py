"""One file a version; what a file says never changes once it was released."""
