"""Text as programs of all systems write it."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mapper.errors import InputError

_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16's, with which it begins
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_text(path: Path | str) -> str:
    """UTF-8, or UTF-16 or UTF-32 with a byte order mark; line ends of any system.

    Bytes that are none of these are kept as they are, so that names of files stay true. InputError
    names a file that cannot be read, or is no text.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), None)
    if encoding is None and b"\0" in content[:1024]:
        encoding = _unmarked_utf16(content)
    try:
        text = content.decode(encoding or "utf-8", "strict" if encoding else "surrogateescape")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: it is not a text file: {error.reason}") from error
    if "\0" in text:
        raise InputError(f"{path}: it is not a text file: it holds bytes of 0")
    return text


def content_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers, from 1, and lines of a text file, without comments and empty lines."""
    for number, line in enumerate(read_text(path).splitlines(), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            yield number, line


def _unmarked_utf16(content: bytes) -> str | None:
    """UTF-16 without a mark, of Latin letters: every other byte is 0."""
    start = content[: min(len(content), 1024) // 2 * 2]
    for encoding, zeros, letters in (
        ("utf-16-le", start[1::2], start[0::2]),
        ("utf-16-be", start[0::2], start[1::2]),
    ):
        if not zeros.strip(b"\0") and b"\0" not in letters:
            return encoding
    return None
