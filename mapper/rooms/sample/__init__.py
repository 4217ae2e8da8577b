"""The room that `mapper demo` renders and maps."""

from mapper.rooms.sample.sequence import make_sample

__all__ = ["make_sample"]
