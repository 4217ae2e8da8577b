"""Configurations refuse what they do not know and come back as they were written."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from mapper.config.loader import PROFILES, from_mapping, load_config, to_mapping
from mapper.config.settings import MapperConfig
from mapper.errors import ConfigError


def test_nothing_given_means_the_defaults() -> None:
    assert load_config() == MapperConfig()


def test_one_setting_changes_and_the_rest_stays() -> None:
    config = load_config(changes=["backend.fusion.tsdf.voxel_size=0.01"])
    assert config.backend.fusion.tsdf.voxel_size == 0.01
    assert config.backend.fusion.tsdf.max_depth == MapperConfig().backend.fusion.tsdf.max_depth
    assert config.rgbd == MapperConfig().rgbd


def test_later_changes_win() -> None:
    assert load_config(changes=["threads=false", "threads=true"]).threads is True


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ("treads=true", "did you mean threads?"),
        ("backend.fusion.tsdf.voxelsize=1", "did you mean backend.fusion.tsdf.voxel_size?"),
        ("backend.loop.recent=3", "did you mean backend.loops?"),
        ("zzz=1", f"known: {', '.join(sorted(field.name for field in fields(MapperConfig)))}"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest(change: str, hint: str) -> None:
    with pytest.raises(ConfigError, match="unknown configuration key") as fault:
        load_config(changes=[change])
    assert hint in str(fault.value)


@pytest.mark.parametrize(
    "change",
    [
        "threads=1",
        "threads=maybe",
        "backend.cached_keyframes=2.5",
        "backend.cached_keyframes=true",
        "rgbd.weak_translation=true",
        "rgbd.weak_translation=far",
        "rgbd.weak_translation=[1]",
        "rgbd.weak_translation=null",
        "rgbd.alignment.iterations=4",
        "rgbd.alignment.iterations=[4, x]",
        "rgbd=5",
        "rgbd.weak_translation.deep=5",
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_full_name(change: str) -> None:
    key = change.partition("=")[0].removesuffix(".deep")
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        load_config(changes=[change])


@pytest.mark.parametrize("change", ["threads", "=3", "", "rgbd.weak_translation=[1"])
def test_a_change_that_is_none_is_refused(change: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        load_config(changes=[change])


def test_a_group_cannot_follow_a_value() -> None:
    with pytest.raises(ConfigError, match="not a group"):
        load_config(changes=["rgbd=5", "rgbd.weak_translation=0.1"])


def test_lists_become_tuples() -> None:
    config = load_config(changes=["rgbd.alignment.iterations=[1, 2, 3]"])
    assert config.rgbd.alignment.iterations == (1, 2, 3)


@pytest.mark.parametrize(("text", "value"), [("1e-3", 1e-3), ("1", 1.0), ("0.5", 0.5)])
def test_every_way_to_write_a_number_is_a_float(text: str, value: float) -> None:
    found = load_config(changes=[f"rgbd.weak_translation={text}"]).rgbd.weak_translation
    assert found == value and isinstance(found, float)


@pytest.mark.parametrize("name", sorted(path.stem for path in PROFILES.glob("*.yaml")))
def test_every_profile_loads_by_name_and_changes_something(name: str) -> None:
    assert load_config(name) != MapperConfig()
    assert load_config(PROFILES / f"{name}.yaml") == load_config(name)


def test_changes_go_on_top_of_a_profile() -> None:
    config = load_config("fast", ["backend.loops.candidates.max_loops=7"])
    candidates = config.backend.loops.candidates
    assert candidates.max_loops == 7
    assert candidates.max_covisible == load_config("fast").backend.loops.candidates.max_covisible


def test_a_missing_profile_names_those_that_exist() -> None:
    with pytest.raises(ConfigError, match="fast, fine, street"):
        load_config("quick")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [1", "not valid YAML"),
        ("- 1\n- 2", "expected keys and values, found list"),
        ("\x00", "not valid YAML"),
        ("rgbd: 3", "rgbd is a group of keys"),
        ("rgbd:", "rgbd is a group of keys"),
        ("3: 4", "unknown configuration key '3'"),
    ],
)
def test_a_bad_file_is_refused(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(path)


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("# nothing\n")
    assert load_config(path) == MapperConfig()


def test_a_configuration_survives_the_way_through_plain_values() -> None:
    config = load_config("fine", ["rgbd.alignment.iterations=[9, 8, 7]", "rgbd.weak_rotation=1e-5"])
    assert from_mapping(MapperConfig, to_mapping(config)) == config


@pytest.mark.parametrize(
    "change",
    [
        "rgbd.weak_translation=-1",
        "rgbd.weak_translation=.nan",
        "backend.fusion.tsdf.voxel_size=0",
        "rgbd.alignment.iterations=[1, 2]",
    ],
)
def test_values_that_make_no_sense_are_refused(change: str) -> None:
    with pytest.raises(ConfigError):
        load_config(changes=[change])


def test_a_setting_that_is_gone_is_read_in_old_runs_and_refused_when_asked_for() -> None:
    old = to_mapping(MapperConfig())
    old["rgbd"]["max_depth"] = 8.0
    assert from_mapping(MapperConfig, old) == MapperConfig()
    with pytest.raises(ConfigError, match=r"^rgbd.max_depth is no setting any more: set backend"):
        load_config(changes=["rgbd.max_depth=6"])


def test_a_mode_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    """It was taken for "off" once."""
    with pytest.raises(ConfigError) as fault:
        load_config(changes=["backend.placement.refine=nonsense"])
    expected = "backend.placement.refine='nonsense': expected auto, on or off"
    assert str(fault.value) == expected


@pytest.mark.parametrize(
    "text", ["/data/w #1/cut3r.pth", "512", "a: b", "", "yes", "1e3", "[1", "'quoted'"]
)
def test_text_arrives_as_it_was_typed(text: str) -> None:
    """It was read as YAML once: a # began a comment there."""
    assert load_config(changes=[f"weights={text}"]).weights == text


def test_words_that_yaml_takes_for_truth_values_are_words_where_words_are_expected() -> None:
    config = load_config(changes=["backend.placement.refine=off", "backend.align=off"])
    assert (config.backend.placement.refine, config.backend.align) == ("off", "off")


def test_a_fault_in_a_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("backend:\n  fusion: {tsdf: {voxel_size: -1}}\n")
    with pytest.raises(ConfigError) as fault:
        load_config(path, ["threads=false"])
    expected = f"{path}: backend.fusion.tsdf.voxel_size=-1: expected a number above 0"
    assert str(fault.value) == expected


def test_a_fault_in_yaml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("threads: true\nrgbd: {max_rmse: 1]\n")
    with pytest.raises(ConfigError, match="line 2") as fault:
        load_config(path)
    assert "\n" not in str(fault.value)


def test_yaml_makes_no_objects(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"weights: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']\n")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("backend.reuse.min_covered=0.1", "backend.reuse: min_shared (0.6) must be at most"),
        ("rgbd.alignment.iterations=[1, 2]", "rgbd.alignment: there are 3 levels"),
        ("backend.optimise_share=2", "expected a number from 0 to 1"),
        ("backend.alignment.width=16", "expected a whole number of at least 32"),
        ("cut3r.device=abacus", "expected auto, cpu, cuda, cuda:1 or mps"),
        ("streamvggt.kv_budget=[1]", "expected a size like 8GB"),
        ("stream3r.kv_budget=8 apples", "kv_budget='8 apples': expected a size like 8GB"),
    ],
)
def test_messages_say_what_is_allowed(change: str, message: str) -> None:
    with pytest.raises(ConfigError) as fault:
        load_config(changes=[change])
    assert message in str(fault.value)
