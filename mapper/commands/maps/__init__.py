"""Commands for a finished map."""
