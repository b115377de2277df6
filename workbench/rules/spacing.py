"""Bumps of one face against each other and the edge: pitch, space, diameter, distance to the edge of the part."""

from __future__ import annotations

from workbench.rules.case import Case, Found, Skip, compared
from workbench.rules.findings import Finding, Key


def pitch(case: Case) -> Found | Skip:
    """The pitch each bond layer states, and the pitch its bumps are drawn at."""
    found: list[Finding] = []
    looked_at = 0
    for layer in case.design.layers:
        bond = layer.bond
        if bond is None or bond.pitch_um is None:
            continue
        for rule in case.deck.of("bump_pitch"):
            if rule.fits(case.design, method=bond.method, layer=layer, diameter_um=bond.diameter_um):
                looked_at += 1
                found += [x for name in rule.values
                          if (x := compared("pitch", bond.pitch_um, rule, name, place=layer.name))]  # fmt: skip
    return Found(tuple(found), looked_at) if found else Skip(Key("rules.skip.no_rule"))
