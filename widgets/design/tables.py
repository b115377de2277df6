"""Tables and sentences: the stack, the limits, the dies, the conventions, what to conclude."""

from __future__ import annotations

import pandas as pd

from widgets.design.words import Key, sentence
from widgets.page import note, say, table
from workbench import materials
from workbench.cost.review import StackReview
from workbench.i18n import LANGUAGES
from workbench.stack import Layer

_OUTCOMES = ("met", "near", "care", "broken")


def material_name(layer: Layer) -> dict[str, str]:
    found = materials.find(layer.material)
    return {lang: found.name(lang) for lang in LANGUAGES}


def whole_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns that hold only whole numbers lose their decimals (and keep their gaps)."""
    numbers = frame.select_dtypes("float")
    whole = [column for column in numbers if (numbers[column].dropna() % 1 == 0).all()]
    return frame.astype(dict.fromkeys(whole, "Int64"))


def _names(names: list[str]) -> str:
    return ", ".join(names[:6]) + (" …" if len(names) > 6 else "") or "–"


def stack_table(r: StackReview) -> None:
    """Bottom to top: each layer's height range, thickness, material, bond; figures without a read source flagged."""
    rows, flags = [], {}
    for index, level in enumerate(r.levels):
        layer = level.layer
        bond = layer.bond
        rows.append({
            "layer_name": layer.name,
            "layer_kind": sentence(f"design.layer.{layer.kind}"),
            "layer_material": material_name(layer),
            "layer_thickness_um": layer.thickness_um,
            "z_bottom_um": level.z_bottom_um,
            "z_top_um": level.z_top_um,
            "bond_pitch_um": bond.pitch_um if bond else None,
            "layer_dies": _names([placement.name for placement in layer.placements]),
        })  # fmt: skip
        if not layer.is_verified("thickness_um"):
            flags[index, "layer_thickness_um"] = "unverified"
        if bond and bond.pitch_um is not None and not bond.is_verified("pitch_um"):
            flags[index, "bond_pitch_um"] = "unverified"
    guessed = sum(not level.layer.is_verified("thickness_um") for level in r.levels)
    say(sentence(
        "design.say.stack", layers=len(r.levels), thickness=r.derived.total_thickness_um,
        assembly=Key(f"design.assembly.{r.design.assembly}"), guessed=guessed,
    ))  # fmt: skip
    table(whole_numbers(pd.DataFrame(rows)), flags=flags, caption="design.caption.stack")
    if r.design.source:
        note(sentence("design.note.source", source=r.design.source))
    if r.design.note:
        note(r.design.note)


def checks(r: StackReview) -> None:
    """Every limit with the value, the limit, the outcome and the source of the limit."""
    order = sorted(r.checks, key=lambda c: -_OUTCOMES.index(c.outcome))

    def figure(c, value):
        return c.figure(value).replace(" ", "\u00a0")

    rows = [
        {
            "limit_name": sentence(f"rules.name.{c.id}"),
            "limit_place": c.place or "–",
            "limit_value": figure(c, c.got),
            "limit_limit": ("" if c.allowed is None else "≤\u00a0" if c.at_most else "≥\u00a0") + figure(c, c.allowed),
            "limit_outcome": sentence(f"design.outcome.{c.outcome}"),
            "limit_source": c.source or sentence("design.source_required"),
        }
        for c in order
    ]
    flags = {(i, "limit_limit"): "unverified" for i, c in enumerate(order) if not c.verified}
    met = sum(c.outcome == "met" for c in r.checks)
    say(sentence("design.say.checks" if met < len(r.checks) else "design.say.checks_all", met=met, all=len(r.checks)))
    table(pd.DataFrame(rows), flags=flags)


def hybrid_bonds(r: StackReview) -> None:
    """What each hybrid bond forgives; shows nothing for a stack without one."""
    if not r.hybrid_bonds:
        return
    tightest = min(r.hybrid_bonds, key=lambda bond: bond.overlay_limit_nm)
    say(sentence("design.say.hybrid", name=tightest.layer, limit=tightest.overlay_limit_nm,
                 percent=100 * tightest.particle_yield))  # fmt: skip
    frame = pd.DataFrame({
        "layer_name": [bond.layer for bond in r.hybrid_bonds],
        "bond_pitch_um": [bond.pitch_um for bond in r.hybrid_bonds],
        "pad_diameter_um": [bond.pad_diameter_um for bond in r.hybrid_bonds],
        "overlay_limit_nm": [bond.overlay_limit_nm for bond in r.hybrid_bonds],
        "particle_yield_percent": [100 * bond.particle_yield for bond in r.hybrid_bonds],
    })  # fmt: skip
    flags = {(i, "pad_diameter_um"): "unverified" for i, bond in enumerate(r.hybrid_bonds) if not bond.verified}
    table(frame, flags=flags, caption="design.caption.hybrid")


def dies(r: StackReview) -> None:
    """Each die type: size, count on a wafer by grid and by formula, yield, cost, and what its test lets through."""
    rows, flags = [], {}
    for index, row in enumerate(r.dies):
        rows.append({
            "die_name": row.chip.name,
            "die_count": row.chip.count,
            "die_node": f"{row.chip.node_nm:g} nm" if row.chip.node_nm is not None else sentence("design.bought_in"),
            "die_area_mm2": row.chip.area_mm2,
            "grid_dies": row.grid_count,
            "formula_dies": row.dies_per_wafer,
            "die_yield_percent": None if row.yield_ratio is None else 100 * row.yield_ratio,
            "raw_die_usd": row.raw_usd,
            "known_good_die_usd": row.known_good_usd,
            "escapes_ppm": None if row.escape_ratio is None else 1e6 * row.escape_ratio,
        })  # fmt: skip
        if not row.node_is_verified:
            flags[index, "die_node"] = "unverified"
    own = [row for row in r.dies if row.known_good_usd is not None]
    if own:
        dear = max(own, key=lambda row: row.known_good_usd * row.chip.count)
        say(sentence(
            "design.say.dies", name=dear.chip.name, cost=float(dear.known_good_usd),
            percent=100 * (1 - dear.raw_usd / dear.known_good_usd), coverage=100 * r.parameters.test_coverage_ratio,
        ))  # fmt: skip
    else:
        say(sentence("design.say.no_dies"))
    digits = {"formula_dies": 5, "raw_die_usd": 4, "known_good_die_usd": 4, "escapes_ppm": 3, "grid_dies": 6}
    frame = pd.DataFrame(rows).astype({"grid_dies": "Int64"})
    table(frame, flags=flags, digits=digits, caption="design.caption.dies")


def conventions(r: StackReview) -> None:
    """Which conventions and sources the cost figures rest on."""
    say("design.say.conventions")
    for words in (*r.economics.conventions, *r.economics.excluded):
        note(words)
    for flow, reason in r.skipped.items():
        note(sentence("design.note.skipped", flow=Key(f"design.flow.{flow}"), reason=Key(reason)))


def conclusion(r: StackReview) -> None:
    """What to do next, from the verdict and the cost."""
    key = {"PASS": "design.conclude.pass", "MARGINAL": "design.conclude.marginal", "FAIL": "design.conclude.fail"}
    say(key[r.summary.verdict.value])
    if r.best is not None:
        ratio = float(r.sweep.total_usd[r.best.flow][-1] / r.best.total_usd)
        note(sentence("design.conclude.cost", flow=Key(f"design.flow.{r.best.flow}"), cost=float(r.best.total_usd),
                      ratio=ratio))  # fmt: skip
    unread = [part for part in (*r.design.dies, *r.design.layers, *r.design.placements) if part.unverified]
    if unread:
        note(sentence("design.conclude.unverified", parts=len(unread)), chip="unverified")
