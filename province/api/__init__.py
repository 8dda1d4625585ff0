"""The province's API for other programs: the registry, figures and the fleet, never a person."""
