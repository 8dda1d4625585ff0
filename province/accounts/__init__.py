"""Who works with the province: keepers, tracers, reporters, operators; their passwords and phones, sealed at rest."""
