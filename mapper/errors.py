"""The errors that a user can cause and mend; the command line prints them as one line."""

from __future__ import annotations

from collections.abc import Iterable


class MapperError(Exception):
    """A fault with a remedy. The message names the file or option concerned and what to do."""


class InputError(MapperError):
    """The sequence, a file or an array handed in cannot be used."""


class ConfigError(MapperError):
    """An option or configuration key is unknown or has a value that makes no sense."""


class OutputError(MapperError):
    """A result cannot be written: the folder exists, is not writable, or the disk is full."""


class DiskFullError(OutputError):
    """There is no space left for a result."""


def shown(value: object) -> str:
    """A value for a message: its beginning, however long or deep it is."""
    import reprlib  # not before something is wrong: `mapper --help` is instant

    brief = reprlib.Repr()
    brief.maxlevel, brief.maxstring, brief.maxother = 3, 60, 60
    try:
        text = brief.repr(value)
    except Exception:  # a number of more digits than Python prints
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 200 else f"{text[:200]}..."


def unknown_name(what: str, name: str, known: Iterable[str], prefix: str = "") -> str:
    """One line about a name that is not known, with the nearest that is.

    prefix: that the name and all the known ones bear, such as the group of a setting.
    """
    return f"unknown {what} {shown(prefix + name)}; {did_you_mean(name, known, prefix)}"


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """The nearest name that is known, as a question; all of them, where none is near."""
    import difflib  # not before something is wrong: `mapper --help` is instant

    known = list(known)
    near = difflib.get_close_matches(name, known, 1, 0.5)
    return f"did you mean {prefix}{near[0]}?" if near else "known: " + ", ".join(sorted(known))
