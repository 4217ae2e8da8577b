"""Every setting is explained, and the explanations reach the person who asks."""

from __future__ import annotations

import typing
from pathlib import Path

import pytest

from mapper.config.listing import groups, json_schema, meanings, summary
from mapper.config.settings import MapperConfig
from mapper.core.quantities import Metres, Share, Text
from mapper.core.settings_model import field_types, is_group, settings
from mapper.evaluate.protocol import Protocol

BARE = (int, float, bool, str)


def kinds(kind: typing.Any) -> list[typing.Any]:
    """A group of settings and all groups below it."""
    inner = [hint for hint in field_types(kind).values() if is_group(hint)]
    return [kind, *(part for group in inner for part in kinds(group))]


ALL = list(dict.fromkeys([*kinds(MapperConfig), *kinds(Protocol)]))


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_field_has_a_meaning_and_every_meaning_a_field(kind: type) -> None:
    assert summary(kind).endswith(".")
    assert set(meanings(kind)) == set(field_types(kind))
    assert all(len(meaning) > 5 for meaning in meanings(kind).values())


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_type_says_what_is_allowed(kind: type) -> None:
    """A bare int or float would take any number, and a bare bool the number 1."""
    assert [name for name, hint in field_types(kind).items() if hint in BARE] == []


@settings
class Door:
    """A door to test with.

    width: of the frame,
        without the leaf.
    colour: its name.
    """

    width: Metres = 0.9
    colour: Text = "red"


@settings
class GlassDoor(Door):
    """A door that one sees through.

    clear: share of the light that comes through.
    """

    clear: Share = 0.5


def test_a_meaning_goes_on_in_the_indented_lines_and_is_inherited() -> None:
    assert meanings(GlassDoor) == {
        "width": "of the frame, without the leaf.",
        "colour": "its name.",
        "clear": "share of the light that comes through.",
    }
    assert summary(GlassDoor) == "A door that one sees through."


def test_values_stand_beside_defaults_and_units() -> None:
    (group,) = groups(Door(width=1.2))
    width, colour = group.settings
    assert (width.value, width.default, width.unit) == (1.2, 0.9, "m")
    assert (colour.value, colour.default, colour.unit) == ("red", "red", "")
    assert width.allowed == "a number above 0"


def test_the_json_schema_has_bounds_choices_and_meanings() -> None:
    schema = json_schema(MapperConfig)
    tsdf = schema["$defs"]["TsdfConfig"]["properties"]
    assert tsdf["voxel_size"]["exclusiveMinimum"] == 0
    assert tsdf["voxel_size"]["description"] == "side of a voxel."
    placement = schema["$defs"]["PlacementConfig"]
    assert placement["properties"]["refine"]["enum"] == ["auto", "on", "off"]
    assert placement["additionalProperties"] is False


def test_the_names_of_depth_alignments_are_those_that_there_are() -> None:
    from mapper.evaluate.metrics.depth_alignment import ALIGNMENTS
    from mapper.evaluate.protocol import AlignmentName

    assert set(typing.get_args(AlignmentName)) == set(ALIGNMENTS)


def test_the_page_of_all_settings_is_up_to_date() -> None:
    """mapper config schema --markdown > docs/settings.md"""
    from mapper.config.printing import as_page

    page = Path(__file__).parents[2] / "docs" / "settings.md"
    assert page.read_text(encoding="utf-8") == as_page(MapperConfig())
