"""Text can be read on every background, and colours that must be told apart can be."""

from __future__ import annotations

import itertools
import re

import pytest

from workbench.reports import look


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    dark, light = sorted((luminance(a), luminance(b)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_of_published_pairs():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)  # WCAG 2.2, definition of contrast ratio
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.005)  # the grey known to fail 4.5:1


THEMES = (("light", look.LIGHT, look.VERDICT_COLOURS), ("dark", look.DARK, look.VERDICT_COLOURS_DARK))
TEXT = ("ink", "muted", "link", "unverified", "synthetic")


@pytest.mark.parametrize(("surfaces", "verdicts"), [theme[1:] for theme in THEMES], ids=[theme[0] for theme in THEMES])
@pytest.mark.parametrize("background", ["page", "band"])
def test_text_and_verdicts_keep_four_and_a_half_to_one(surfaces, verdicts, background):
    colours = {name: surfaces[name] for name in TEXT} | verdicts
    poor = {n: round(contrast(c, surfaces[background]), 2) for n, c in colours.items()}
    assert {n: ratio for n, ratio in poor.items() if ratio < 4.5} == {}


def test_chart_text_can_be_read_on_white_paper():
    assert contrast(look.CHART_INK, "#FFFFFF") >= 4.5
    assert contrast(look.CHART_MUTED, "#FFFFFF") >= 4.5


def test_every_verdict_has_a_shape_and_two_shades():
    assert set(look.VERDICT_COLOURS) == set(look.VERDICT_COLOURS_DARK) == set(look.VERDICT_SHAPES)
    assert len(set(look.VERDICT_SHAPES.values())) == len(look.VERDICT_SHAPES)


def test_differences_are_centred_on_the_lightest_colour():
    middle = len(look.DIVERGING) // 2
    assert len(look.DIVERGING) % 2 == 1
    assert max(look.DIVERGING, key=luminance) == look.DIVERGING[middle]
    ramp = [luminance(c) for c in look.DIVERGING]
    assert ramp[: middle + 1] == sorted(ramp[: middle + 1])
    assert ramp[middle:] == sorted(ramp[middle:], reverse=True)


def test_dies_of_one_assembly_differ_in_lightness():
    for a, b in itertools.combinations(look.DIE_COLOURS[:4], 2):
        assert contrast(a, b) > 1.15, (a, b)


def test_the_dark_theme_sets_every_token_of_the_light_one_and_never_prints():
    css = look.tokens_css()
    light, *dark = re.findall(r":root[^{]*\{([^{}]*)\}", css)
    names = [set(re.findall(r"(--[a-z0-9]+):", block)) for block in (light, *dark)]
    assert len(dark) == 2
    shared = {"--font", "--mono", "--body", "--max", "--gutter"}
    assert names[0] - shared == names[1] == names[2]
    for block in dark:  # each dark block stands inside a rule for screens
        before = css[: css.index(block)]
        assert "@media screen" in before[before.rindex("@media") :]
