"""What tests of networks ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def only_one_thread() -> Iterator[None]:
    """Of PyTorch: the sums of several come out in another order."""
    from mapper.runtime.torch_threads import one_thread

    with one_thread():
        yield


@pytest.fixture(scope="module")
def without_gradients(only_one_thread: None) -> Iterator[None]:
    """On one thread, too."""
    import torch

    with torch.inference_mode():
        yield
