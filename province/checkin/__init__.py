"""The check-in page: a visitor who scans a site's poster declares an entry, which goes the way of every other: it is a device itself."""
