"""Whether PyTorch can use the devices that a run is told to, asked before the run begins."""

from __future__ import annotations

from mapper.config.settings import MapperConfig


def check_alignment_device(config: MapperConfig) -> None:
    """ConfigError where the alignment at a run's end would find no such device."""
    if config.backend.align == "off":
        return
    if config.backend.align == "pairwise":
        device, key = config.pairwise.device, "pairwise.device"
    else:
        device, key = config.backend.alignment.device, "backend.alignment.device"
    if device.lower() in ("auto", "cpu"):
        return  # always there, and PyTorch need not be loaded to know
    from mapper.runtime.torch_device import choose_device

    choose_device(device, key)
