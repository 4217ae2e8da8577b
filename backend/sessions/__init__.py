"""Several maps of one place, each in a world of its own, joined into one."""
