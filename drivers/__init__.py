"""The only code that touches hardware: small Protocols, one file a device, each chosen by a URL."""
