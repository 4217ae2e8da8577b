"""The room that `mapper demo` renders and maps."""

from mapper.sample_room.sequence import make_sample

__all__ = ["make_sample"]
