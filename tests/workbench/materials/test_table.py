"""The seed table: every figure has a unit, a source and a status; the figures quoted are the ones read."""

from __future__ import annotations

import pytest

from workbench.errors import InputError
from workbench.materials import FAMILIES, find, seed_table
from workbench.materials.colours import MATERIAL_COLOURS
from workbench.units import unit_of


def test_every_figure_has_unit_and_source():
    for material in seed_table().values():
        assert material.family in FAMILIES
        assert material.name("en")
        assert material.name("zh-Hant")
        for name, figure in material.properties.items():
            assert unit_of(name), f"{material.id}.{name}"
            assert figure.source
            assert figure.value > 0
            assert figure.low is None or figure.low <= figure.value <= figure.high


def test_general_knowledge_is_never_called_verified():
    for material in seed_table().values():
        for figure in material.properties.values():
            assert not (figure.verified and "general knowledge" in figure.source), material.id


def test_every_family_has_a_colour():
    assert set(FAMILIES) == set(MATERIAL_COLOURS)


CASES = [  # material, property, value, source
    ("copper", "e_gpa", 115, "topline.tv"),
    ("copper", "cte_ppm_per_k", 17.0, "topline.tv"),
    ("emc", "k_w_per_mk", 0.96, "Hindawi ijmce 2028369 tab 1"),
    ("emc", "cte_ppm_per_k", 10, "Hindawi ijmce 2028369 tab 1"),
    ("glass", "e_gpa", 64, "finkenbeiner.com"),
    ("beol", "k_w_per_mk", 2.25, "3D-ICE"),
]


@pytest.mark.parametrize(("material", "name", "value", "source"), CASES)
def test_quoted_figures(material, name, value, source):
    figure = find(material).properties[name]
    assert figure.value == value == find(material).value(name)
    assert figure.verified
    assert source.split()[0] in figure.source


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(InputError) as caught:
        find("vibranium")
    assert "silicon" in caught.value.allowed
    with pytest.raises(InputError):
        find("tim").value("price_usd")


def test_records_are_frozen():
    with pytest.raises(TypeError):
        seed_table()["x"] = None
    with pytest.raises(AttributeError):
        find("silicon").family = "gold"
