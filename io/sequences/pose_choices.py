"""What poses that come along with a sequence may be taken for. Imports nothing heavy."""

from __future__ import annotations

from typing import Final

AUTO: Final = "auto"  # measured poses are the truth; estimates by another program are left out
TRUTH: Final = "truth"  # whatever they are, the map is compared with them
OFF: Final = "off"  # they are left out
PRIOR: Final = "prior"  # the map is tied to them, and they are no truth then
POSE_CHOICES: Final = (AUTO, TRUTH, OFF, PRIOR)
