"""What the province knows: sites, scanners, their certificates and tickets."""
