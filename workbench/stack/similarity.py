"""Which earlier designs resemble one, and why: a score from 0 to 1 per feature, in total, and sentences.

A ratio of figures scores ``2^(-|log(ratio)| / log(half))``: 1 when equal, 0.5 when they differ by the factor in
`HALF`, the same both ways. A figure that one of the two designs does not give is not compared, and the weights of the
others are what the total is made of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from workbench.errors import InputError
from workbench.i18n import language, t
from workbench.stack.change_words import value_words
from workbench.stack.features import Features
from workbench.stack.topology import alikeness

# The ratio at which two figures count as half alike. A node: one full step of the roadmap (x 0.7 in length).
HALF = {"node": 1 / 0.7, "pitch": 2.0, "silicon_area": 2.0, "area_ratio": 1.5, "power_density": 2.0, "die_count": 2.0}

# How much each feature says. Topology and what decides the technology (node, pitch) weigh most. They sum to 1.
WEIGHTS = {
    "topology": 0.20, "node": 0.15, "pitch": 0.15, "silicon_area": 0.10, "power_density": 0.10, "methods": 0.08,
    "die_count": 0.07, "carrier": 0.05, "area_ratio": 0.05, "roles": 0.05,
}  # fmt: skip


@dataclass(frozen=True)
class FeatureScore:
    """One feature of two designs. `score` None: not compared, as a figure is missing. `a`, `b` are what each says."""

    feature: str
    score: float | None
    a: Any
    b: Any
    weight: float

    def sentence(self, lang: str | None = None) -> str:
        """Why: ``same node 7 nm``; ``pitch 9 against 10 µm``."""
        values = {"name": t(f"reuse.feature.{self.feature}", lang), "unit": _UNIT.get(self.feature, "")}
        if self.score is None:
            return t("reuse.not_compared", lang, **values)
        if self.feature == "topology":
            key = "reuse.topology_same" if self.score > 1 - 1e-9 else "reuse.topology"
            return t(key, lang, a=_shape(self.a, lang), b=_shape(self.b, lang), percent=f"{self.score:.0%}")
        a, b = _said(self.feature, self.a, lang), _said(self.feature, self.b, lang)
        return t("reuse.same" if a == b else "reuse.against", lang, a=a, b=b, **values).strip()


@dataclass(frozen=True)
class Resemblance:
    """How alike two designs are. `compared` is the share of the weight that could be compared at all."""

    total: float
    compared: float
    scores: tuple[FeatureScore, ...]

    def reasons(self, lang: str | None = None) -> list[str]:
        """Sentences, the strongest reason for the total first, what was not compared last."""
        order = sorted(self.scores, key=lambda s: (s.score is None, -(s.score or 0) * s.weight))
        return [score.sentence(lang) for score in order]

    def as_dict(self, lang: str | None = None) -> dict[str, Any]:
        return {"total": self.total, "compared": self.compared, "reasons": self.reasons(lang),
                "scores": {score.feature: score.score for score in self.scores}}  # fmt: skip


def compare(a: Features, b: Features, *, weights: Mapping[str, float] = WEIGHTS) -> Resemblance:
    """How much `b` resembles `a`; the same as how much `a` resembles `b`, with the figures changed over.

    `weights` by feature (any scale, at least one above 0; a feature left out is not compared). Raises InputError for
    an unknown feature or weights that compare nothing.
    """
    unknown = sorted(set(weights) - set(WEIGHTS))
    if unknown or not sum(weights.values()) > 0 or min(weights.values()) < 0:
        raise InputError("reuse.weights", got=", ".join(unknown) or dict(weights), allowed=", ".join(WEIGHTS))
    scores = []
    for feature, weight in weights.items():
        x, y = _VALUE[feature](a), _VALUE[feature](b)
        missing = x in (None, (), {}) or y in (None, (), {})
        scores.append(FeatureScore(feature, None if missing else _score(feature, x, y), x, y, weight))
    known = [score for score in scores if score.score is not None]
    weighed = sum(score.weight for score in known)
    total = sum(score.weight * score.score for score in known) / weighed if weighed else 0.0  # type: ignore[operator]
    return Resemblance(total, weighed / sum(weights.values()), tuple(scores))


_VALUE: dict[str, Callable[[Features], Any]] = {
    "topology": lambda f: {"shape": (f.tier_count, f.assembly), "counts": f.topology},
    "node": lambda f: {float(node): area for node, area in f.node_area_mm2.items()},
    "pitch": lambda f: f.finest_pitch_um,
    "silicon_area": lambda f: f.silicon_area_mm2,
    "power_density": lambda f: f.power_density_w_per_mm2,
    "methods": lambda f: f.methods,
    "die_count": lambda f: f.die_count,
    "carrier": lambda f: f.carrier,
    "area_ratio": lambda f: f.area_ratio,
    "roles": lambda f: f.role_area_mm2,
}
_UNIT = {"node": "nm", "pitch": "µm", "silicon_area": "mm²", "power_density": "W/mm²"}


def _score(feature: str, a: Any, b: Any) -> float:
    if a == b:
        return 1.0
    if feature == "topology":
        return alikeness(a["counts"], b["counts"])
    if feature == "node":
        return 2.0 ** (-moved_share(a, b) / math.log(HALF["node"]))
    if feature == "methods":
        return len(set(a) & set(b)) / len(set(a) | set(b))
    if feature == "roles":
        return _overlap(a, b)
    if feature == "carrier":
        return 0.0
    return 2.0 ** (-abs(math.log(a / b)) / math.log(HALF[feature]))


def moved_share(a: Mapping[float, float], b: Mapping[float, float]) -> float:
    """How far, in the logarithm of the node, the area of one design must move to lie as the other's does.

    The first Wasserstein distance of the two shares of area (keys nm > 0, values area > 0); ln(7/5) for all of it from
    7 to 5 nm. Exact: the integral of the difference of the two cumulative shares.
    """
    nodes = sorted({*a, *b})
    total_a, total_b, below, distance = sum(a.values()), sum(b.values()), 0.0, 0.0
    for node, following in pairwise(nodes):
        below += a.get(node, 0.0) / total_a - b.get(node, 0.0) / total_b
        distance += abs(below) * math.log(following / node)
    return distance


def _overlap(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    """Common share over joint share of two divisions of an area (weighted Jaccard): 1 when equal."""
    shares = [{key: value / sum(one.values()) for key, value in one.items()} for one in (a, b)]
    keys = {*a, *b}
    least, most = (sum(pick(one.get(key, 0.0) for one in shares) for key in keys) for pick in (min, max))
    return least / most


def _said(feature: str, value: Any, lang: str | None) -> str:
    comma = "、" if (lang or language()) == "zh-Hant" else ", "
    if feature == "node":
        return comma.join(f"{node:g}" for node in sorted(value))
    if feature == "roles":
        whole = sum(value.values())
        shares = sorted(value.items(), key=lambda item: -item[1])
        return comma.join(f"{value_words(role, 'role', lang)} {area / whole:.0%}" for role, area in shares)
    if feature == "methods":
        return comma.join(value_words(method, "method", lang) for method in value)
    if feature == "carrier":
        return value_words(value, "carrier", lang)
    return f"{value:,.3g}" if feature != "silicon_area" else f"{value:,.4g}"


def _shape(value: Any, lang: str | None) -> str:
    tiers, assembly = value["shape"]
    return t("reuse.shape", lang, tiers=tiers, assembly=value_words(assembly, "assembly", lang))
