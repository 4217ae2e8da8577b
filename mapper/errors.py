"""The errors that a user can cause and mend; the command line prints them as one line."""

from __future__ import annotations


class MapperError(Exception):
    """A fault with a remedy. The message names the file or option concerned and what to do."""


class InputError(MapperError):
    """The sequence, a file or an array handed in cannot be used."""


class ConfigError(MapperError):
    """An option or configuration key is unknown or has a value that makes no sense."""


class OutputError(MapperError):
    """A result cannot be written: the folder exists, is not writable, or the disk is full."""
