"""The station page: what the keeper's phone sees of this scanner on the site's own network. Imported only where `[station]` is enabled."""
