"""How patiently a live source is opened again."""

from __future__ import annotations

from mapper.core.quantities import SecondsOrZero
from mapper.core.settings_model import settings


@settings
class RetryOptions:
    """How patiently a broken stream is opened again.

    first_wait: before the first time; doubles each time.
    longest_wait: at most.
    gap: without an image, after which the camera may be anywhere.
    """

    first_wait: SecondsOrZero = 0.25
    longest_wait: SecondsOrZero = 8.0
    gap: SecondsOrZero = 1.0
