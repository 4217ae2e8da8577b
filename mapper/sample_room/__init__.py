"""The former place of make_sample, by which scripts import it; see mapper.rooms.sample."""

from mapper.rooms.sample import make_sample

__all__ = ["make_sample"]
