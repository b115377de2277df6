"""Charts of counts: defective units (p, np) and defects (c, u), with exact limits and limits for overdispersion.

Three sigma limits of small counts miss their rate badly, so the exact ones stand beside them; where counts vary more
than binomial or Poisson counts can, Laney's limits widen by the variation actually seen from sample to sample.
Sources: Montgomery, Introduction to Statistical Quality Control, ch. 7; Laney 2002, Quality Engineering 14, 531;
Fisher 1950, Biometrics 6, 17 (dispersion test).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from workbench.errors import DomainError
from workbench.process.quality.assumptions import Assumption, lag_one
from workbench.process.quality.constants import chart_constants
from workbench.process.quality.rules import WESTERN_ELECTRIC, Rule, Violation, violations

Array = np.ndarray
KINDS = ("p", "np", "c", "u", "laney_p", "laney_u")


@dataclass(frozen=True)
class AttributeChart:
    """Plotted points with their limits, all of shape (m,), in the unit of the point (share, count or rate).

    `lower`, `upper`: 3 sigma. `exact_lower`, `exact_upper`: the widest counts still allowed by the probability limits;
    a point signals beyond them, each side with probability <= `alpha` / 2, really `exact_rate` for the two sides.
    `violations` follow the limits named by `judged_by`. `dispersion`: variance of the counts over what the
    distribution allows; `sigma_z` of Laney's charts multiplies sigma (1 otherwise).
    """

    kind: str
    counts: Array
    sizes: Array
    values: Array
    centre: float
    lower: Array
    upper: Array
    exact_lower: Array
    exact_upper: Array
    exact_rate: Array
    three_sigma_rate: Array
    alpha: float
    sigma: Array
    sigma_z: float
    violations: tuple[Violation, ...]
    judged_by: str  # three_sigma | exact
    dispersion: float
    baseline_count: int
    assumptions: tuple[Assumption, ...]

    @property
    def in_control(self) -> bool:
        return not self.violations


def p_chart(defectives: Array, sizes: Array, **options: object) -> AttributeChart:
    """Share of defective units of samples of `sizes` (m,) or one size; options as `attribute_chart`."""
    return attribute_chart(defectives, sizes, kind="p", **options)


def np_chart(defectives: Array, size: int, **options: object) -> AttributeChart:
    """Number of defective units of samples of one `size`."""
    return attribute_chart(defectives, size, kind="np", **options)


def c_chart(defects: Array, **options: object) -> AttributeChart:
    """Number of defects on equal areas of opportunity."""
    return attribute_chart(defects, 1.0, kind="c", **options)


def u_chart(defects: Array, sizes: Array, **options: object) -> AttributeChart:
    """Defects per unit of samples of `sizes` > 0 units, not necessarily whole."""
    return attribute_chart(defects, sizes, kind="u", **options)


def attribute_chart(
    counts: Array,
    sizes: Array,
    *,
    kind: str,
    centre: float | None = None,
    baseline_count: int | None = None,
    rules: dict[str, Rule] = WESTERN_ELECTRIC,
    judged_by: str = "three_sigma",
    alpha: float = 0.0027,
) -> AttributeChart:
    """Chart `counts` (m,) of samples of `sizes`: `kind` one of KINDS; laney_p and laney_u for overdispersed counts.

    `centre` (share, or defects per unit) defaults to that of the first `baseline_count` samples. Run rules see
    (value - centre) / sigma of the point. `judged_by` "exact" replaces the rule of one point beyond its limit by the
    exact limits at `alpha`; that is the better choice where the expected count is below about 20.
    """
    least = 1 if centre is not None and not kind.startswith("laney") else 2
    x, n, base = _checked(counts, sizes, kind, judged_by, baseline_count, least)
    binomial = kind in ("p", "np", "laney_p")
    share = float(x[:base].sum() / n[:base].sum()) if centre is None else float(centre)
    if not 0 < share < (1 if binomial else np.inf):
        raise DomainError("process.no_defects", got=share, allowed="0 < ... < 1" if binomial else "> 0")
    deviation = np.sqrt(share * ((1 - share) if binomial else 1) / n)
    z = (x / n - share) / deviation
    sigma_z = float(np.abs(np.diff(z[:base])).mean()) / chart_constants(2).d2 if kind.startswith("laney") else 1.0
    if not sigma_z > 0:
        raise DomainError("process.no_variation", got=sigma_z)
    scale = n if kind in ("np", "c") else np.ones_like(n)
    middle, sigma = share * scale, deviation * sigma_z * scale
    top = scale if binomial else np.inf
    lower, upper = np.maximum(middle - 3 * sigma, 0.0), np.minimum(middle + 3 * sigma, top)
    low, high = exact_limits(n, share, alpha=alpha, binomial=binomial)
    found = violations(z / sigma_z, rules)
    if judged_by == "exact":
        first = next((name for name, rule in rules.items() if rule.kind == "beyond"), "exact_limit")
        found = [v for v in found if v.rule != first]
        found += [Violation(int(i), first) for i in np.flatnonzero((x < low) | (x > high))]
        found = tuple(sorted(found, key=lambda v: (v.index, v.rule)))
    per = scale / n
    return AttributeChart(
        kind, x, n, x * per, float(middle[0]) if kind in ("np", "c") else share, lower, upper, low * per, high * per,
        _rate(low - 1, high, n, share, binomial),
        _rate(np.ceil(lower / per - 1e-9) - 1, np.floor(upper / per + 1e-9), n, share, binomial),
        alpha, sigma, sigma_z, found, judged_by, dispersion(x[:base], n[:base], share, binomial), base,
        _checks(x[:base], n[:base], z[:base], share, binomial, sigma_z != 1.0),
    )  # fmt: skip


def exact_limits(sizes: Array, centre: float, *, alpha: float = 0.0027, binomial: bool = True) -> tuple[Array, Array]:
    """Least and greatest counts that do not signal: P(X < low) <= alpha / 2 and P(X > high) <= alpha / 2.

    Counts of samples of `sizes` with the share `centre` (binomial), or centre x size expected (Poisson).
    """
    n = np.asarray(sizes, float)
    law = stats.binom(n, centre) if binomial else stats.poisson(n * centre)
    low, high = law.ppf(alpha / 2), law.isf(alpha / 2)
    low = np.where(law.cdf(low) <= alpha / 2, low + 1, low)  # ppf: cdf >= alpha / 2, equality still belongs outside
    return np.maximum(low, 0.0), high


def dispersion(counts: Array, sizes: Array, centre: float, binomial: bool) -> float:
    """Sum of squared standardised counts over m - 1: 1 expected, more where samples differ in more than chance."""
    variance = sizes * centre * ((1 - centre) if binomial else 1)
    return float((((counts - sizes * centre) ** 2) / variance).sum() / max(len(counts) - 1, 1))


def _rate(below: Array, above: Array, n: Array, centre: float, binomial: bool) -> Array:
    """Probability of a stable sample at or below `below` or above `above`."""
    law = stats.binom(n, centre) if binomial else stats.poisson(n * centre)
    return law.cdf(below) + law.sf(above)


def _checks(x: Array, n: Array, z: Array, centre: float, binomial: bool, laney: bool) -> tuple[Assumption, ...]:
    ratio, dof = dispersion(x, n, centre, binomial), max(len(x) - 1, 1)
    p = float(special.chdtrc(dof, ratio * dof))
    spread = Assumption("not_overdispersed", None if laney else p >= 0.05, p, f"{ratio:.2f} x")
    expected = n * centre * ((1 - centre) if binomial else 1)
    large = Assumption("counts_large", bool(expected.min() >= 9), None, f"{expected.min():.2f}")
    return (spread, large, lag_one(z))


def _checked(counts: Array, sizes: Array, kind: str, judged_by: str, baseline_count: int | None, least: int):
    if kind not in KINDS or judged_by not in ("three_sigma", "exact"):
        allowed = ", ".join([*KINDS, "three_sigma", "exact"])
        raise DomainError("process.choice", got=f"{kind}, {judged_by}", allowed=allowed)
    x = np.asarray(counts, float).ravel()
    n = np.broadcast_to(np.asarray(sizes, float), x.shape).astype(float)
    whole = (x >= 0).all() and (x == np.floor(x)).all() and (n > 0).all() and np.isfinite(n).all()
    if kind in ("p", "np", "laney_p"):
        whole = whole and (x <= n).all() and (n == np.floor(n)).all()
    if len(x) < least or not whole:
        raise DomainError("process.counts", where=kind, got=f"m = {len(x)}", allowed="0 <= count <= size")
    if kind in ("np", "c") and np.ptp(n) > 0:
        raise DomainError("process.counts", where=kind, got=f"{n.min():g} ... {n.max():g}", allowed="p, u")
    base = len(x) if baseline_count is None else baseline_count
    if not least <= base <= len(x):
        raise DomainError("process.baseline", got=base, allowed=f"{least} ... {len(x)}")
    return x, n, base
