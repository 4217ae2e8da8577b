"""The former place of open_sequence, by which scripts import it; see mapper.io.sequences."""

from mapper.io.sequences.open_sequence import open_sequence

__all__ = ["open_sequence"]
