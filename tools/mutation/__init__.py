"""Small faults put into a module on purpose, to see whether its tests notice."""
