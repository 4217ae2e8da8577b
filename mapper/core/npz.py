"""What numpy and zipfile raise for an .npz file that is damaged or none at all."""

from __future__ import annotations

import zipfile
import zlib

UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)
