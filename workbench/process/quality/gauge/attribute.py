"""Agreement of judgements: do inspectors agree with themselves, with each other, and with the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special
from statsmodels.stats.inter_rater import cohens_kappa

from workbench.errors import DomainError
from workbench.i18n import t
from workbench.process.quality.assumptions import Assumption
from workbench.process.quality.indices import Interval
from workbench.process.quality.nonconforming import share_interval

Array = np.ndarray


@dataclass(frozen=True)
class Kappa:
    """Agreement beyond chance, its interval, and the p-value of no agreement beyond chance (one-sided)."""

    name: str
    kappa: Interval
    error: float
    p: float
    agreement: float  # share of pairs that agree
    by_chance: float


@dataclass(frozen=True)
class Appraiser:
    """One appraiser. `repeats`: parts judged alike in all trials. `effectiveness`: parts judged right in all trials.
    `miss` is the share of bad judged good, `false_alarm` of good judged bad, over single judgements (None without a
    reference or with more than two classes)."""

    name: str
    repeats: Interval
    effectiveness: Interval | None
    against_reference: Kappa | None
    miss: Interval | None
    false_alarm: Interval | None

    @property
    def rating(self) -> str:
        """AIAG: acceptable (effectiveness >= 90 %, miss <= 2 %, false alarm <= 5 %), marginal (>= 80, 5, 10), else
        unacceptable; unknown without a reference."""
        if self.effectiveness is None or self.miss is None:
            return "unknown"
        figures = (self.effectiveness.value, self.miss.value, self.false_alarm.value)
        for rating, (least, miss, alarm) in (("acceptable", (0.9, 0.02, 0.05)), ("marginal", (0.8, 0.05, 0.1))):
            if figures[0] >= least and figures[1] <= miss and figures[2] <= alarm:
                return rating
        return "unacceptable"

    def rating_word(self, lang: str | None = None) -> str:
        return t(f"quality.rating.{self.rating}", lang)


@dataclass(frozen=True)
class AttributeStudy:
    """Result of `attribute_agreement`; `pairs` compare appraisers trial by trial, `all_judgements` is Fleiss' kappa
    over every judgement of a part, `all_agree` the parts on which every judgement is the same."""

    appraisers: tuple[Appraiser, ...]
    pairs: tuple[Kappa, ...]
    all_judgements: Kappa
    all_agree: Interval
    all_right: Interval | None
    categories: tuple
    confidence: float
    convention: str
    assumptions: tuple[Assumption, ...]


def attribute_agreement(
    ratings: Array,
    *,
    reference: Array | None = None,
    bad: object = None,
    appraisers: tuple[str, ...] = (),
    confidence: float = 0.95,
) -> AttributeStudy:
    """Agreement of `ratings` (parts, appraisers, trials), any labels, with `reference` (parts,) if known.

    `bad` is the label of a nonconforming part, for misses and false alarms of a two-class study (the smaller label
    by default). Shares have exact (Clopper-Pearson) intervals, kappas asymptotic ones.
    Raises DomainError: shape, missing values, a reference of another length.
    Source: AIAG MSA 4th ed., attribute study; Fleiss, Cohen and Everitt 1969, Psychol. Bull. 72, 323.
    """
    data = np.asarray(ratings)
    if data.ndim != 3 or min(data.shape) < 1 or data.shape[0] < 2 or data.shape[1] * data.shape[2] < 2:
        raise DomainError("process.gauge_shape", got=data.shape, allowed=">= 2 x 1 x 2")
    truth = None if reference is None else np.asarray(reference).ravel()
    if truth is not None and len(truth) != len(data):
        raise DomainError("process.values_and_labels", got=f"{len(truth)}, {len(data)}")
    joined = data.ravel() if truth is None else np.concatenate([data.ravel(), truth])
    if joined.dtype.kind == "f" and not np.isfinite(joined).all():
        raise DomainError("process.gauge_shape", got="NaN", allowed="")
    categories, codes = np.unique(joined, return_inverse=True)
    x = codes[: data.size].reshape(data.shape)
    t = None if truth is None else codes[data.size :]
    p, a, r = x.shape
    k = len(categories)
    bad_code = 0 if bad is None else int(np.flatnonzero(categories == bad)[0]) if bad in categories else -1
    names = appraisers or tuple(chr(65 + i) if a <= 26 else str(i + 1) for i in range(a))
    found = tuple(_appraiser(names[i], x[:, i], t, k, bad_code, confidence) for i in range(a))
    pairs = tuple(
        cohen_kappa(_table(x[:, i], x[:, j], k), name=f"{names[i]} × {names[j]}", confidence=confidence)
        for i in range(a) for j in range(i + 1, a)
    )  # fmt: skip
    flat = x.reshape(p, a * r)
    counts = np.stack([(flat == c).sum(axis=1) for c in range(k)], axis=1)
    same = (flat == flat[:, :1]).all(axis=1)
    return AttributeStudy(
        appraisers=found,
        pairs=pairs,
        all_judgements=fleiss_kappa(counts, confidence=confidence),
        all_agree=share_interval(int(same.sum()), p, confidence=confidence),
        all_right=None if t is None else share_interval(int((flat == t[:, None]).all(axis=1).sum()), p,
                                                        confidence=confidence),
        categories=tuple(categories.tolist()),
        confidence=confidence,
        convention="aiag_attribute",
        assumptions=_checks(counts, p, t),
    )  # fmt: skip


def cohen_kappa(table: Array, *, name: str = "", confidence: float = 0.95) -> Kappa:
    """Kappa of a square table of counts: rows by one judge, columns by the other. Where both use one class only, kappa
    is not defined and comes out nan."""
    counts = np.asarray(table, float)
    n = counts.sum()
    agreement = float(np.trace(counts) / n)
    chance = float(counts.sum(axis=0) @ counts.sum(axis=1) / n**2)
    if chance >= 1 - 1e-15:
        nan = float("nan")
        return Kappa(name, Interval(nan, nan, nan), nan, nan, agreement, chance)
    found = cohens_kappa(counts)
    z0 = found.kappa / found.std_kappa0
    return _kappa(name, float(found.kappa), float(found.std_kappa), float(special.ndtr(-z0)), agreement, chance,
                  confidence)  # fmt: skip


def fleiss_kappa(counts: Array, *, name: str = "", confidence: float = 0.95) -> Kappa:
    """Kappa of `counts` (parts, classes): how many judgements put the part in the class, as many for every part.

    The interval's standard error holds for any true agreement and generalises to other parts (Gwet 2008, Br. J. Math.
    Stat. Psychol. 61, 29); the p-value uses that under chance (Fleiss, Nee and Landis 1979, Psychol. Bull. 86, 974).
    Raises DomainError when parts have different numbers of judgements, or fewer than 2.
    """
    c = np.asarray(counts, float)
    n, judges = len(c), c[0].sum()
    if judges < 2 or not np.allclose(c.sum(axis=1), judges):
        raise DomainError("process.gauge_unbalanced", got=f"{c.sum(axis=1).min()} ... {c.sum(axis=1).max()}")
    each = ((c**2).sum(axis=1) - judges) / (judges * (judges - 1))
    share = c.sum(axis=0) / (n * judges)
    agreement, chance = float(each.mean()), float(share @ share)
    if chance >= 1 - 1e-15:
        nan = float("nan")
        return Kappa(name, Interval(nan, nan, nan), nan, nan, agreement, chance)
    kappa = (agreement - chance) / (1 - chance)
    at = (each - chance) / (1 - chance) - 2 * (1 - kappa) * (c @ share / judges - chance) / (1 - chance)
    error = float(np.sqrt(((at - kappa) ** 2).sum() / (n * (n - 1))))
    pq = share @ (1 - share)
    under_chance = np.sqrt(2 * (pq**2 - (share * (1 - share) * (1 - 2 * share)).sum())) / (
        pq * np.sqrt(n * judges * (judges - 1))
    )
    return _kappa(name, float(kappa), error, float(special.ndtr(-kappa / under_chance)), agreement, chance, confidence)


def _appraiser(name: str, x: Array, t: Array | None, k: int, bad: int, confidence: float) -> Appraiser:
    parts = len(x)
    repeats = share_interval(int((x == x[:, :1]).all(axis=1).sum()), parts, confidence=confidence)
    if t is None:
        return Appraiser(name, repeats, None, None, None, None)
    right = share_interval(int((x == t[:, None]).all(axis=1).sum()), parts, confidence=confidence)
    table = _table(x, np.broadcast_to(t[:, None], x.shape), k)
    miss = alarm = None
    if k == 2 and bad >= 0:
        bad_total, good_total = int(table[:, bad].sum()), int(table[:, 1 - bad].sum())
        if bad_total and good_total:
            miss = share_interval(int(table[1 - bad, bad]), bad_total, confidence=confidence)
            alarm = share_interval(int(table[bad, 1 - bad]), good_total, confidence=confidence)
    return Appraiser(name, repeats, right, cohen_kappa(table, name=name, confidence=confidence), miss, alarm)


def _table(a: Array, b: Array, k: int) -> Array:
    return np.bincount(a.ravel() * k + b.ravel(), minlength=k * k).reshape(k, k)


def _kappa(
    name: str, kappa: float, error: float, p: float, agreement: float, chance: float, confidence: float
) -> Kappa:
    half = float(special.ndtri((1 + confidence) / 2) * error)
    return Kappa(name, Interval(kappa, kappa - half, min(kappa + half, 1.0)), error, p, agreement, chance)


def _checks(counts: Array, parts: int, t: Array | None) -> tuple[Assumption, ...]:
    """Enough parts, and no class so rare that chance agreement hides disagreement (prevalence)."""
    shares = counts.sum(axis=0) / counts.sum()
    rare = float(shares.min())
    return (
        Assumption("enough_parts", parts >= 50, None, f"{parts}"),
        Assumption("classes_balanced", bool(rare >= 0.1), None, f"{100 * rare:.1f} %"),
        Assumption("reference_known", t is not None, None, ""),
    )
