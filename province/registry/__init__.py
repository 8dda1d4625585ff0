"""What the province knows: units, organisations, sites, scanners, their certificates and tickets."""
