"""Through-silicon vias: depth over diameter, and the ring around each where no device may lie."""

from __future__ import annotations

import numpy as np

from workbench.rules.case import Case, Found, Skip, compared
from workbench.rules.faces import SLACK_UM, Part
from workbench.rules.findings import Finding, Key, Outcome, Place
from workbench.rules.neighbours import too_close

NO_VIAS = Skip(Key("rules.skip.no_tsv"))


def with_vias(case: Case) -> list[Part]:
    """The first placement of each die type that has through-silicon vias."""
    found: dict[str, Part] = {}
    for part in case.dies.values():
        if part.die.tsv is not None:
            found.setdefault(part.die.id, part)
    return list(found.values())


def aspect(case: Case) -> Found | Skip:
    """Depth of a via, taken as the die's thickness, over the least diameter drawn."""
    rules, parts = case.deck.of("tsv_aspect"), with_vias(case)
    if not parts:
        return NO_VIAS
    found = []
    for rule in rules:
        for part in parts if rule.fits(case.design) else ():
            tsv = part.die.tsv
            diameter = min([field.diameter_um for field in tsv.fields] or [tsv.diameter_um])
            said = {"depth": part.die.thickness_um, "diameter": diameter}
            found.append(compared("tsv_aspect", part.die.thickness_um / diameter, rule, "max_aspect",
                                  place=part.die.name, at=part.centre, values=said))  # fmt: skip
    return Found(tuple(found), len(parts)) if found else Skip(Key("rules.skip.no_rule"))


def keep_out(case: Case) -> Found | Skip:
    """The ring a die states, else the deck's: no other via in it, all of it inside the die, and enough of each power
    block (where devices are declared) outside all rings. A via outside its die is broken whatever the sources say.
    Where vias differ in width, all are held apart like the widest.
    """
    parts = with_vias(case)
    if not parts:
        return NO_VIAS
    rule = next((x for x in case.deck.of("tsv_keep_out") if x.fits(case.design)), None)
    found, looked_at = [], 0
    for part in parts:
        tsv = part.die.tsv
        own = tsv.keep_out_um is not None
        if not own and rule is None:
            continue
        ring = tsv.keep_out_um if own else rule.values["min_keep_out_um"]
        verified = tsv.is_verified("keep_out_um") if own else rule.verified
        named = {"verified": verified, "source": tsv.source if own else rule.source, "rule": "" if own else rule.id}
        hard: Outcome = "broken" if verified and (own or not rule.soft) else "care"
        looked_at += tsv.count
        found += _of_die(case, part, ring, hard, named) if tsv.fields else _stated(part, ring, named)
    return Found(tuple(found), looked_at) if looked_at else Skip(Key("rules.skip.no_rule"))


def _stated(part: Part, ring: float, named: dict) -> list[Finding]:
    """Vias that are only counted: their pitch says how near they stand."""
    tsv = part.die.tsv
    free = tsv.pitch_um - tsv.diameter_um
    outcome = "met" if tsv.count < 2 or free >= ring * (1 - 1e-9) else "care"
    return [Finding("tsv_ring", outcome, part.die.name, part.centre, got=free, allowed=ring, unit="um", at_most=False,
                    count=tsv.count if outcome != "met" else 1, **named)]  # fmt: skip


def _of_die(case: Case, part: Part, ring: float, hard: Outcome, named: dict) -> list[Finding]:
    die, fields = part.die, part.die.tsv.fields
    xy = np.concatenate([field.xy_um() for field in fields])
    rim = np.repeat([field.diameter_um / 2 for field in fields], [field.count for field in fields])

    def places(indices: np.ndarray) -> tuple[Place, ...]:
        return tuple((x, y, part.z_top_um) for x, y in part.in_module(xy[indices[: case.examples]]).tolist())

    def said(id: str, outcome: Outcome, bad: np.ndarray, **more) -> Finding:
        at = places(bad) if len(bad) else places(np.array([0]))
        return Finding(id, outcome if len(bad) else "met", die.name, at[0], unit="um", count=max(len(bad), 1),
                       examples=at if len(bad) else (), **named | more)  # fmt: skip

    found = []
    # Vias of one width first (a grid is clear by its pitch alone); the widest decides where widths differ.
    apart = ring + 2 * float(rim.max())
    pitch = fields[0].least_pitch_um if len(fields) == 1 else None
    if pitch is not None and pitch >= apart * (1 - 1e-9):
        free = pitch - 2 * float(rim.max())
        found.append(said("tsv_ring", "care", np.empty(0, int), got=free, allowed=ring, at_most=False))
    else:
        close = too_close(xy, apart)
        got = close.least_um - 2 * float(rim.max()) if len(close.indices) else None
        found.append(said("tsv_ring", "care", close.indices, got=got, allowed=ring, at_most=False))
    half = np.array([die.width_mm, die.length_mm]) * 500
    free = (half - np.abs(xy)).min(axis=1) - rim
    cut = np.flatnonzero(free < ring - SLACK_UM)
    outcome: Outcome = "broken" if float(free.min()) < -SLACK_UM else hard
    found.append(said("tsv_edge", outcome, cut, got=float(free.min()), allowed=ring, at_most=False))
    share_rule = next((x for x in case.deck.of("tsv_block") if x.fits(case.design)), None)
    for block in die.power_blocks if share_rule is not None else ():
        low = np.array([block.x_mm, block.y_mm]) * 1000
        sides = np.array([block.width_mm, block.length_mm]) * 1000
        inside = np.flatnonzero(((xy >= low) & (xy <= low + sides)).all(axis=1))
        taken = 100 * float((np.pi * (rim[inside] + ring) ** 2).sum() / sides.prod())
        bad = taken > share_rule.values["max_share_percent"] * (1 + 1e-9)
        found.append(compared("tsv_block", taken, share_rule, "max_share_percent", place=die.name,
                              at=places(inside[:1])[0] if len(inside) else part.centre, count=max(len(inside), 1),
                              examples=places(inside) if bad else (), values={"block": block.name}))  # fmt: skip
    return found
