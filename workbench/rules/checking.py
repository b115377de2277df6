"""All checks of a design against a deck, in one report."""

from __future__ import annotations

from collections.abc import Callable

from workbench.rules import assembly, die_shift, interfaces, paths, routing, sizes, spacing, vias
from workbench.rules.case import Case, Found, Requirements, Skip
from workbench.rules.deck import Deck, seed_deck
from workbench.rules.findings import CheckReport, Finding, Ran
from workbench.stack import Design

# In the order of the report. A name is a key of the catalogue (rules.check.<name>).
CHECKS: dict[str, Callable[[Case], Found | Skip]] = {
    "requirements": sizes.requirements,
    "die_size": sizes.die_size,
    "body": sizes.body,
    "thickness": sizes.thickness,
    "gap": sizes.gap,
    "overlap": assembly.overlap,
    "connections": assembly.connections,
    "floating": assembly.floating,
    "internal_ext": assembly.internal_ext,
    "outside": assembly.outside,
    "alignment_marks": assembly.alignment_marks,
    "orphans": interfaces.orphans,
    "misaligned": interfaces.misaligned,
    "nets": interfaces.nets,
    "paths": paths.paths,
    "pitch": spacing.pitch,
    "space": spacing.space,
    "diameter": spacing.diameter,
    "edge": spacing.edge,
    "tsv_aspect": vias.aspect,
    "tsv_keep_out": vias.keep_out,
    "metals": routing.metals,
    "escape": routing.escape,
    "die_shift": die_shift.die_shift,
    "not_drawn": routing.not_drawn,
}


def check(design: Design, deck: Deck | None = None, *, requirements: Requirements | None = None,
          examples: int = 20) -> CheckReport:  # fmt: skip
    """Every check of the design. `deck` defaults to the published limits; a finding that stands for many keeps at
    most `examples` markers.
    """
    case = Case(design, deck or seed_deck(), requirements or Requirements(), examples)
    compared: list[Finding] = []
    ran: list[Ran] = []
    for name, run in CHECKS.items():
        result = run(case)
        if isinstance(result, Skip):
            ran.append(Ran(name, "not_applicable", reason=result.reason, values=result.values))
            continue
        compared += result.findings
        bad = any(finding.outcome != "met" for finding in result.findings)
        ran.append(Ran(name, "found" if bad else "passed", result.looked_at))
    return CheckReport(case.deck.deck_id, case.deck.version, case.deck.content_sha256, tuple(compared), tuple(ran))
