"""CUT3R's encoder begins with STream3R's: the same but for positions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mapper.errors import InputError
from mapper.frontends.cut3r.model import Cut3r
from mapper.frontends.layers.rope import grid_positions
from mapper.frontends.vggt.aggregator import normalised
from mapper.frontends.vggt.network import Vggt
from mapper.train.networks import built, draw, trained_network
from mapper.train.recipe import Recipe
from tests.support.networks.trained import SMALL_PATCHES, VGGT

THEIRS = {name: value for name, value in VGGT.items() if name != "track"}
OURS = {**SMALL_PATCHES, "enc_embed_dim": 16, "enc_num_heads": 2, "enc_depth": 1}


def stream3r() -> Vggt:
    torch.manual_seed(1)
    network = built(Recipe(model="stream3r", network=THEIRS))
    assert isinstance(network, Vggt)
    draw(network)
    with torch.no_grad():  # nothing stands at a number that could be left out
        for name, parameter in network.named_parameters():
            if "patch_embed" in name and parameter.ndim == 1:
                parameter.add_(0.3 * torch.randn_like(parameter))
    return network.eval()


def test_a_patch_alone_is_seen_alike(tmp_path: Path) -> None:
    """Of one patch there is no other position: without the table, class and registers both encoders
    are the same function of pixels."""
    theirs = stream3r()
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    ours = trained_network(Recipe(model="cut3r", network=OURS), tmp_path / "theirs.safetensors")
    assert isinstance(ours.model, Cut3r) and len(grid_positions(1, 1)) == 1
    image = 2 * torch.rand(3, 3, 14, 14) - 1
    encoder = theirs.aggregator.patch_embed
    with torch.no_grad():
        tokens = encoder.patch_embed(normalised((image + 1) / 2))
        for block in encoder.blocks:
            tokens = block(tokens)
        same = ours.model._encode_image(image)
    torch.testing.assert_close(same, encoder.norm(tokens), rtol=1e-4, atol=1e-4)


def test_an_encoder_of_other_sizes_is_refused(tmp_path: Path) -> None:
    save_file(stream3r().state_dict(), tmp_path / "theirs.safetensors")
    wider = {**OURS, "enc_embed_dim": 32}
    with pytest.raises(InputError, match="tensors fit the recipe's network"):
        trained_network(Recipe(model="cut3r", network=wider), tmp_path / "theirs.safetensors")
