"""What tells the checkpoints of the known models apart: a few names, counts and a digest.

The counts and digests were computed from the lists of names and shapes of the published models
by the rules of mapper.weights.identify.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Signature:
    """One architecture in one published size.

    title: for messages. models: the models of the registry that have these tensors.
    present: beginnings of names, each of which some tensor has; absent: which none has
    digest: of all names and shapes; "" where the sizes are not known here
    parameters: values, those of a tensor stored under two names counted once
    parts: number of tensors, and of values, under each beginning of a name
    """

    title: str
    models: tuple[str, ...]
    present: tuple[str, ...]
    absent: tuple[str, ...] = ()
    digest: str = ""
    parameters: int = 0
    parts: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def tensors(self) -> int:
        """The number of tensors."""
        return sum(count for count, _ in self.parts.values())


_CUT3R_TRUNK: Final = {
    "pose_token": (1, 768),
    "masked_img_token": (1, 1024),
    "masked_ray_map_token": (1, 1024),
    "patch_embed": (2, 787456),
    "patch_embed_ray_map": (2, 1573888),
    "enc_blocks": (288, 302309376),
    "enc_norm": (2, 2048),
    "decoder_embed": (2, 787200),
    "dec_blocks": (288, 113439744),
    "dec_norm": (2, 1536),
    "enc_blocks_ray_map": (24, 25192448),
    "enc_norm_ray_map": (2, 2048),
    "pose_retriever": (100, 152305152),
    "register_tokens": (1, 786432),
    "decoder_embed_state": (2, 787200),
    "dec_blocks_state": (288, 113439744),
    "dec_norm_state": (2, 1536),
    "downstream_head.pose_head": (4, 2383879),
    "downstream_head.final_transform": (32, 18900480),
}
_VGGT_TRUNK: Final = {
    "aggregator.camera_token": (1, 2048),
    "aggregator.register_token": (1, 8192),
    "aggregator.patch_embed": (344, 304372736),
    "aggregator.frame_blocks": (432, 302364672),
    "aggregator.global_blocks": (432, 302364672),
    "camera_head": (69, 216174610),
    "point_head": (62, 32654628),
    "depth_head": (62, 32654562),
}

SIGNATURES: Final = (
    Signature(
        title="CUT3R with a DPT head",
        models=("cut3r",),
        present=("pose_retriever.", "register_tokens", "downstream_head.dpt_self."),
        digest="e29c2502a5229b9f11acb689f91cc6106c5686b626bcbf15f45bb6e51585e067",
        parameters=793_307_858,
        parts=_CUT3R_TRUNK
        | {
            "downstream_head.dpt_self": (68, 23519428),
            "downstream_head.dpt_cross": (68, 23519428),
            "downstream_head.dpt_rgb": (68, 23519299),
        },
    ),
    Signature(
        title="CUT3R with a linear head",
        models=("cut3r",),
        present=("pose_retriever.", "register_tokens", "downstream_head.proj."),
        digest="6da7a53fbe30df9a3f54d90a1307775dce4b37eeae3bdd2c32348f6b17aea141",
        parameters=748_443_655,
        parts=_CUT3R_TRUNK
        | {
            "downstream_head.proj": (4, 5509120),
            "downstream_head.rgb_proj": (4, 4722432),
            "downstream_head.cross_proj": (4, 5509120),
        },
    ),
    Signature(
        title="STream3R",
        models=("stream3r",),
        present=("aggregator.camera_token", "aggregator.global_blocks.", "camera_head."),
        absent=("track_head.",),
        digest="9547fbdd82b6a5efc6aa89cb378839b96bfb8b56a39489ff96ba8aaff1aaf0f4",
        parameters=1_190_596_120,
        parts=_VGGT_TRUNK,
    ),
    Signature(  # the two have the same names and shapes; only the values differ
        title="StreamVGGT or VGGT",
        models=("streamvggt", "vggt"),
        present=("aggregator.camera_token", "aggregator.global_blocks.", "track_head."),
        digest="75eaafb79d32979b18ade998170bf96cca2c8b9a7b88268622e68e92d90c259e",
        parameters=1_256_537_516,
        parts=_VGGT_TRUNK | {"track_head": (394, 65941396)},
    ),
    Signature(
        title="WinT3R",
        models=("wint3r",),
        present=("cam_token", "cam_head.", "pts_head.", "register_tokens"),
        digest="2e230079c9b8048fc122e54823bc377d9d5602d6c6f0e1d9fc463af761e18e5e",
        parameters=749_463_922,
        parts={
            "cam_token": (1, 768),
            "patch_embed": (2, 787456),
            "enc_blocks": (288, 302309376),
            "enc_norm": (2, 2048),
            "decoder_embed": (2, 787200),
            "dec_blocks": (432, 198494208),
            "dec_norm": (2, 1536),
            "register_tokens": (1, 1048576),
            "cam_head": (69, 121625102),
            "decoder_embed_state": (2, 787200),
            "dec_blocks_state": (288, 113439744),
            "dec_norm_state": (2, 1536),
            "pts_head": (68, 10179172),
        },
    ),
    Signature(
        title="Pi3",
        models=("pi3",),
        present=("register_token", "point_decoder.", "conf_decoder.", "camera_decoder."),
        digest="5d8e03ebae8aae82c1df396557a3252ac08002fbd2c48fe2388e44def0069ed0",
        parameters=958_696_738,
        parts={
            "register_token": (1, 5120),
            "image_mean": (1, 3),
            "image_std": (1, 3),
            "encoder": (343, 304371712),
            "decoder": (648, 453547008),
            "point_decoder": (64, 66128896),
            "point_head": (2, 602700),
            "conf_decoder": (64, 66128896),
            "conf_head": (2, 200900),
            "camera_decoder": (64, 65604096),
            "camera_head": (20, 2107404),
        },
    ),
    *(
        Signature(
            title=f"Depth Anything 3 {size}",
            models=("da3",),
            present=("backbone.pretrained.camera_token", "head.scratch.output_conv1_aux."),
            digest=digest,
            parameters=parameters,
            parts=parts,
        )
        for size, digest, parameters, parts in (
            (
                "SMALL",
                "46ce3273b2b4cd1e9cad33854468d46d1f52bca15994b1c08b547e9a8a09b4b1",
                34_299_463,
                {
                    "backbone": (207, 22059008),
                    "head": (156, 3873854),
                    "cam_dec": (10, 1188105),
                    "cam_enc": (64, 7178496),
                },
            ),
            (
                "BASE",
                "6751095074576eb3012fcf8902ec98ff848998faea93380ed61d886600f94f21",
                135_366_599,
                {
                    "backbone": (207, 86583296),
                    "head": (156, 15387582),
                    "cam_dec": (10, 4735497),
                    "cam_enc": (64, 28660224),
                },
            ),
            (
                "LARGE",
                "c30a6a407fd6425090274502a565eeda6b44cc9e4fce6f55778b8a9270ca2c1e",
                410_941_767,
                {
                    "backbone": (407, 304373760),
                    "head": (156, 47229246),
                    "cam_dec": (10, 8411145),
                    "cam_enc": (64, 50927616),
                },
            ),
            (
                "GIANT, without its Gaussians",
                "9ad6481f2eca2fb188d1feb34ead7442ac128fc45a7c1bfab0f96c013cd3a468",
                1_320_045_639,
                {
                    "backbone": (675, 1136489216),
                    "head": (156, 50114878),
                    "cam_dec": (10, 18908169),
                    "cam_enc": (64, 114533376),
                },
            ),
        )
    ),
    Signature(  # one configuration; only the values differ
        title="Depth Anything 3 METRIC or MONO",
        models=("da3-metric", "da3-mono"),
        present=("backbone.pretrained.cls_token", "head.scratch.sky_output_conv2."),
        digest="2f589b84246efdf9439db8df088d4e6c55116d940f75fd7bc84f80dba97bd144",
        parameters=334_171_394,
        parts={
            "backbone": (342, 304367616),
            "head": (64, 29803778),
        },
    ),
    Signature(
        title="XFeat",
        models=("xfeat",),
        present=("heatmap_head.", "keypoint_head.", "block_fusion."),
        digest="b4ed67a746669343637528ac2a552b34555e5de24b65595e9321f94ff6dda73e",
        parameters=1_551_625,
        parts={
            "skip1": (2, 48),
            "block1": (16, 2720),
            "block2": (8, 10466),
            "block3": (12, 55171),
            "block4": (12, 110979),
            "block5": (16, 377732),
            "block_fusion": (10, 78146),
            "heatmap_head": (10, 8515),
            "keypoint_head": (14, 16900),
            "fine_matcher": (22, 890948),
        },
    ),
    Signature(
        title="DISK",
        models=("disk",),
        present=("unet.path_down.", "unet.path_up."),
        digest="361aa99631560369debd6a24d72160e4c107db79291ef8f30b6ccd6a60acd9a3",
        parameters=1_092_369,
        parts={
            "unet": (26, 1092369),
        },
    ),
    Signature(
        title="LightGlue for DISK",
        models=("lightglue",),
        present=("log_assignment.", "token_confidence.", "cross_attn."),
        digest="7cc0d8bad1d2c891766778215688c9941103e3424adbffab94587b46e2fd591e",
        parameters=11_884_634,
        parts={
            "input_proj": (2, 33024),
            "posenc": (1, 64),
            "self_attn": (90, 5923584),
            "cross_attn": (108, 5331456),
            "log_assignment": (45, 594450),
            "token_confidence": (16, 2056),
        },
    ),
    Signature(
        title="MASt3R",
        models=("mast3r",),
        present=("dec_blocks2.", "downstream_head1.head_local_features."),
    ),
    Signature(
        title="DUSt3R or MonST3R",
        models=("dust3r",),
        present=("dec_blocks2.", "downstream_head1.", "downstream_head2."),
        absent=("downstream_head1.head_local_features.",),
    ),
    Signature(
        title="CroCo",
        models=("croco",),
        present=("enc_blocks.", "dec_blocks.", "prediction_head."),
    ),
    Signature(
        title="DINOv2 alone",
        models=("dinov2",),
        present=("cls_token", "pos_embed", "patch_embed.proj.", "blocks.0.attn.qkv."),
    ),
)
