"""XFeat's weights as the tests' own package carries them; where it is not installed, none."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from mapper.weights.plain_tensors import read_tensors
from mapper.weights.registry import find_weights

XFEAT = find_weights("xfeat")
needs_xfeat = pytest.mark.skipif(XFEAT is None, reason="the weights of xfeat are not installed")


@cache
def _tensors() -> dict[str, np.ndarray]:
    assert XFEAT is not None
    return read_tensors(XFEAT)


def xfeat_tensors() -> dict[str, np.ndarray]:
    """By name; a dictionary of one's own."""
    return dict(_tensors())
