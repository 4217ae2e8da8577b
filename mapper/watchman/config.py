"""When a network's predictions are not believed any more; imports nothing heavy."""

from __future__ import annotations

from mapper.core.quantities import Frames, PositiveLogScale, Share, Switch
from mapper.core.settings_model import settings


@settings
class WatchmanConfig:
    """Watches over the predictions of networks, read from files or computed.

    enabled: whether anything is watched. A fault begins a new segment, which the backend joins
        again. Off: simulated faults are found in nearly all cases, but not in all.
    collapse: depth is taken for collapsed where it varies by less than this share of what the frame
        before leads to expect.
    jump: a pose has jumped where a motion is unlike those before it, depth is at odds with it, and
        so much less of the light where it puts the points is explained than by no motion at all.
    scale: logarithm by which depth may differ from the depth that earlier frames expect.
    patience: frames by which a border of segments waits for a fast turn to end.
    still: share by which light may differ from that of a standing camera; 0 = never standing.
    """

    enabled: Switch = False
    collapse: Share = 0.25
    jump: Share = 0.05
    scale: PositiveLogScale = 0.35
    patience: Frames = 3
    still: Share = 0.001
