"""Commands for networks, settings and the machine."""
