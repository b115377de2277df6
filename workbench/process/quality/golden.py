"""Golden lot: parameter by parameter, is this lot like the one everybody trusts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from workbench.errors import DomainError
from workbench.i18n import t
from workbench.process.quality.assumptions import Assumption
from workbench.process.quality.equivalence import sigma_ratio, tool_match
from workbench.process.quality.indices import Interval
from workbench.process.quality.multiplicity import benjamini_hochberg, holm
from workbench.schema import Verdict

Array = np.ndarray


@dataclass(frozen=True)
class GoldenParameter:
    """One parameter. `shift` (lot less golden) has a 90 % interval and a `margin`; p-values test equal mean (Welch),
    spread (Brown-Forsythe) and shape (Kolmogorov-Smirnov of standardised values; conservative, because centre and scale
    are estimated).

    `kind`: alike (shift shown to lie within the margin), shifted (beyond it, or differs after Holm and reaches it),
    wider, narrower, shape, undecided.
    """

    parameter: str
    counts: tuple[int, int]
    shift: Interval
    margin: float
    p_equivalent: float
    ratio: Interval
    p_mean: float
    p_spread: float
    p_shape: float
    p_holm: float
    p_bh: float
    kind: str
    assumptions: tuple[Assumption, ...]

    def word(self, lang: str | None = None) -> str:
        return t(f"quality.golden.{self.kind}", lang)


@dataclass(frozen=True)
class GoldenComparison:
    """Result of `golden_lot`, least alike first."""

    parameters: tuple[GoldenParameter, ...]
    level: float
    convention: str = "golden_tost_holm"

    @property
    def verdict(self) -> Verdict:
        """FAIL when any parameter is shifted or wider; PASS when all are alike or narrower; MARGINAL otherwise."""
        kinds = {p.kind for p in self.parameters}
        if kinds & {"shifted", "wider"}:
            return Verdict.FAIL
        return Verdict.PASS if kinds <= {"alike", "narrower"} else Verdict.MARGINAL


def golden_lot(
    golden: pd.DataFrame,
    lot: pd.DataFrame,
    *,
    parameters: Sequence[str] | None = None,
    margins: Mapping[str, float] | None = None,
    margin_sigmas: float = 0.5,
    level: float = 0.05,
) -> GoldenComparison:
    """Compare `lot` with `golden` (units by rows, parameters by columns).

    `margins`: the shift of a parameter that does not matter, in its unit; where absent, `margin_sigmas` golden sigmas.
    Each parameter's three tests are joined by Bonferroni, parameters by Holm (and Benjamini-Hochberg beside it), so a
    lot like the golden one is called shifted, wider, narrower or of another shape with probability `level` at most.
    Raises DomainError: no numeric parameter in common, one with fewer than 3 values or no variation.
    """
    shared = [c for c in golden.columns if c in lot.columns and pd.api.types.is_numeric_dtype(golden[c])]
    names = list(shared if parameters is None else parameters)
    if not names or any(c not in golden.columns or c not in lot.columns for c in names):
        raise DomainError("process.column_absent", got=", ".join(map(str, names))[:80], allowed=", ".join(shared)[:80])
    found = [_compare(c, golden[c].dropna().to_numpy(float), lot[c].dropna().to_numpy(float),
                      (margins or {}).get(c), margin_sigmas) for c in names]  # fmt: skip
    p = [min(1.0, 3 * min(f["p_mean"], f["p_spread"], f["p_shape"])) for f in found]
    judged = [GoldenParameter(**f, p_holm=float(h), p_bh=float(b), kind=_kind(f, float(h), level))
              for f, h, b in zip(found, holm(p), benjamini_hochberg(p), strict=True)]  # fmt: skip
    return GoldenComparison(tuple(sorted(judged, key=lambda g: (g.p_holm, g.kind == "alike", g.p_bh))), level)


def _compare(name: str, a: Array, b: Array, margin: float | None, sigmas: float) -> dict:
    if min(len(a), len(b)) < 3:
        raise DomainError("process.too_few_values", where=name, got=f"{len(a)}, {len(b)}", allowed=">= 3")
    width = sigmas * float(a.std(ddof=1)) if margin is None else margin
    if not width > 0 or np.ptp(b) == 0:
        raise DomainError("process.no_variation", where=name, got=width)
    match = tool_match(a, b, margin=width)
    standardised = [(v - np.median(v)) / v.std(ddof=1) for v in (a, b)]
    shape = stats.ks_2samp(*standardised, method="asymp")
    return {
        "parameter": name, "counts": (len(a), len(b)), "shift": match.difference, "margin": width,
        "p_equivalent": match.p, "ratio": sigma_ratio(a, b), "p_mean": match.p_difference,
        "p_spread": float(stats.levene(a, b, center="median").pvalue), "p_shape": float(shape.pvalue),
        "assumptions": match.assumptions,
    }  # fmt: skip


def _kind(found: dict, p_holm: float, level: float) -> str:
    """What the parameter is called: differences need the Holm p-value, likeness needs the equivalence test."""
    if p_holm <= level:
        least = min(("p_mean", "p_spread", "p_shape"), key=found.get)
        if least == "p_mean" and not _within(found["shift"], found["margin"]):
            return "shifted"
        if least == "p_spread":
            return "wider" if found["ratio"].value > 1 else "narrower"
        if least == "p_shape":
            return "shape"
    return "alike" if found["p_equivalent"] <= level else "undecided"


def _within(shift: Interval, margin: float) -> bool:
    """A shift may be sure and still too small to matter."""
    return -margin < shift.low and shift.high < margin
