"""What stands out in a lot and what its bad units have in common, at one rate of false alarms for the whole lot.

Four families of questions are asked: what failing units share, what remote readings share, which tool drifts while it
works, and whether the map has a pattern. Each family gets a quarter of the rate, each response its share of that, and
within a response Holm's correction stands; so a clean lot accuses anything at all no more often than the rate says.
Source: Bonferroni's inequality; Holm 1979, Scand. J. Statist. 6, 65.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.errors import DomainError
from workbench.process.lot_record import LotRecord, places_of
from workbench.process.quality.commonality import Commonality, LevelTest, commonality
from workbench.process.quality.drift import Drift, DriftStudy, drifts
from workbench.process.quality.screening import Screen, screen
from workbench.process.quality.spatial import Signature, neighbours, signature

FAMILIES = ("failing", "measured", "drift", "map")
FAILING = "failing"  # the response of units that failed
MOST_PARAMETERS = 12  # whose readings are searched for a cause: those that stand out most
MOST_UNITS = 4_000  # of a lot that is searched for drift: the pairs grow with the square
LEAST_UNITS = 8
DRIFTING = ("chamber", "equipment", "site")  # what drifts while it works
PERMUTATIONS = 1999
FIRST_LOOK, PROMISING = 399, 0.05  # permutations of every map; the p from which it is looked at again


@dataclass(frozen=True)
class Cause:
    """One finding. `kind` is a family; `p` is corrected for everything that was asked of the lot. `response` is
    "failing" or a parameter; `factor` and `level` say what its units share (the carrier and pattern of a map).
    `effect`, `low`, `high`: difference of shares, shift of the readings, slope a unit; None for a map.
    """

    kind: str
    response: str
    factor: str
    level: str
    p: float
    effect: float | None
    low: float | None
    high: float | None
    found: LevelTest | Drift | Signature
    units: int
    aliases: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True)
class Causes:
    """`found` holds what was accused, the surest first; the studies behind it stand beside. `rate` is that of a false
    accusation in a clean lot; `asked` counts the responses of each family. `screen` is None without parameters that
    vary."""

    found: tuple[Cause, ...]
    rate: float
    asked: dict[str, int]
    failing: Commonality | None
    measured: dict[str, Commonality]
    drifting: dict[tuple[str, str], DriftStudy]
    maps: dict[tuple[str, str], Signature]
    screen: Screen | None

    @property
    def parameter(self) -> str | None:
        """The parameter that stands out most: of the surest cause, else of the screening."""
        for cause in self.found:
            if cause.response != FAILING:
                return cause.response
        if self.screen is None or self.screen.table["p"].isna().all():
            return None
        return str(self.screen.table.loc[self.screen.table["p"].idxmin(), "parameter"])


def causes_of(record: LotRecord, *, rate: float = 0.05, seed: int = 0) -> Causes:
    """Search a lot. `rate`: the chance that a clean lot accuses anything. Questions that a lot is too small for, or
    that have no answer (nothing failed, nothing differs), are not asked, and cost nothing.

    Raises DomainError: a rate outside 0 ... 0.5.
    """
    if not 0 < rate < 0.5:
        raise DomainError("process.choice", where="rate", got=rate, allowed="0 ... 0.5")
    each = rate / len(FAMILIES)
    seen = screened(record)
    parameters = _searched(record, seen)
    failing = _common(record, record.failing, FAILING, each, seed)
    measured = {}
    for name in parameters:
        study = _common(record, record.values[name].dropna(), name, each / len(parameters), seed)
        if study:
            measured[name] = study
    drifting = _drifting(record, parameters, each)
    maps = _maps(record, parameters, each, seed)
    found = [*_accused(record, "failing", {FAILING: failing} if failing else {}, rate, len(FAMILIES)),
             *_accused(record, "measured", measured, rate, len(FAMILIES) * len(parameters)),
             *_drifts(drifting, rate, len(FAMILIES) * max(1, len(drifting))),
             *_patterns(maps, rate, len(FAMILIES) * max(1, len(maps)))]  # fmt: skip
    found.sort(key=lambda cause: (cause.p, -_strength(cause)))
    asked = {"failing": int(failing is not None), "measured": len(measured), "drift": len(drifting), "map": len(maps)}
    return Causes(tuple(found), rate, asked, failing, measured, drifting, maps, seen)


def screened(record: LotRecord, *, false_discovery: float = 0.05) -> Screen | None:
    """All parameters as charts in the order of the units; None without one that has three readings."""
    values = record.values.loc[:, record.values.notna().sum() >= 3]
    return screen(values, false_discovery=false_discovery) if values.shape[1] and len(values) >= 3 else None


def map_of(record: LotRecord, carrier: str) -> pd.DataFrame:
    """Units of a carrier that have a place of their own: one row a place, in the order of the units."""
    rows = record.units[(record.units["carrier"] == carrier) & record.units["x"].notna() & record.units["y"].notna()]
    return rows.drop_duplicates(["x", "y"])


def pattern_of(record: LotRecord, response: str, carrier: str, *, level: float = 0.05, permutation_count: int = 999,
               seed: int = 0) -> Signature | None:  # fmt: skip
    """Verdict on the map of one carrier by itself; None where fewer than 8 units have a place and a value."""
    values = record.failing if response == FAILING else record.values[response].dropna()
    placed = map_of(record, carrier)
    placed = placed[placed.index.isin(values.index)]
    if len(placed) < LEAST_UNITS or min(placed["x"].nunique(), placed["y"].nunique()) < 2:
        return None
    x, y = placed["x"].to_numpy(int), placed["y"].to_numpy(int)
    given = values.loc[placed.index].to_numpy(bool if response == FAILING else float)
    return signature(given, places_of(x.astype(float), y.astype(float)), column=x, row=y,
                     weights=neighbours(x, y, rule="queen"), level=level, permutation_count=permutation_count,
                     seed=seed)  # fmt: skip


def _searched(record: LotRecord, seen: Screen | None) -> list[str]:
    """Parameters to search, in their own order; the rate is shared among all that were charted."""
    if seen is None:
        return []
    charted = seen.table[seen.table["state"] == "charted"]
    if len(charted) <= MOST_PARAMETERS:
        return charted["parameter"].tolist()
    return charted.nsmallest(MOST_PARAMETERS, "p")["parameter"].tolist()


def _common(record: LotRecord, response: pd.Series, name: str, level: float, seed: int) -> Commonality | None:
    units = record.factors.loc[response.index].assign(**{name: response})
    factors = [c for c in record.factors.columns if units[c].nunique(dropna=False) > 1]
    if len(response) < LEAST_UNITS or not factors or response.nunique() < 2:
        return None
    count = int(np.clip(2e6 // len(response), 499, PERMUTATIONS))
    return commonality(units, response=name, factors=factors, level=level, permutation_count=count, seed=seed)


def _drifting(record: LotRecord, parameters: list[str], rate: float) -> dict[tuple[str, str], DriftStudy]:
    factors = [c for c in record.factors.columns if c.rsplit(": ", 1)[-1] in DRIFTING]
    if len(record.units) < LEAST_UNITS or len(record.units) > MOST_UNITS:
        return {}
    pairs = [(p, f) for p in parameters for f in factors]
    found = {}
    for parameter, factor in pairs:
        rows = pd.DataFrame({"value": record.values[parameter], "order": np.arange(len(record.values), dtype=float),
                             "factor": record.factors[factor]})  # fmt: skip
        try:
            found[parameter, factor] = drifts(rows, value="value", order="order", factor="factor",
                                              level=rate / len(pairs))  # fmt: skip
        except DomainError:  # not two levels with enough units: nothing to compare
            continue
    return found


def _maps(record: LotRecord, parameters: list[str], rate: float, seed: int) -> dict[tuple[str, str], Signature]:
    carriers = [c for c in record.mapped() if len(map_of(record, c)) >= LEAST_UNITS][:MOST_PARAMETERS]
    pairs = [(response, carrier) for response in (FAILING, *parameters) for carrier in carriers]
    found = {}
    for response, carrier in pairs:
        level = rate / len(pairs)
        made = pattern_of(record, response, carrier, level=level, permutation_count=FIRST_LOOK, seed=seed)
        if made is not None and made.evidence and made.p <= PROMISING:
            # The least p of seven kinds that are judged together is about 7 / permutations: a second look is longer.
            count = int(min(np.ceil(15 / level), 4e6 // len(record.units)))
            made = pattern_of(record, response, carrier, level=level, permutation_count=max(count, FIRST_LOOK),
                              seed=seed + 1)  # fmt: skip
        if made is not None and made.evidence:
            found[response, carrier] = made
    return found


def _accused(record: LotRecord, kind: str, studies: dict[str, Commonality], rate: float, asked: int) -> list[Cause]:
    out = []
    for response, study in studies.items():
        for test in study.culprits:
            p = min(1.0, test.p_holm * asked)
            if p <= rate:
                test = _worse(record, response, study, test)
                out.append(Cause(kind, response, test.factor, str(test.level), p, test.effect, test.low, test.high,
                                 test, test.count, test.aliases))  # fmt: skip
    return out


def _worse(record: LotRecord, response: str, study: Commonality, test: LevelTest) -> LevelTest:
    """Of a factor with two levels, which one question compares, the level that is worse off: with more failing units,
    or farther from the target (the middle of the limits; without either the one with the larger readings).
    """
    pair = [level for level in study.levels if level.factor == test.factor]
    if len(pair) != 2:
        return test
    if response == FAILING:
        return max(pair, key=lambda level: level.value)
    spec = record.specifications.get(response)
    aim = None if spec is None else spec.target
    if aim is None and spec is not None and spec.lower is not None and spec.upper is not None:
        aim = (spec.lower + spec.upper) / 2
    if aim is None and spec is not None and spec.limited:
        return max(pair, key=lambda level: level.value if spec.lower is None else -level.value)
    return max(pair, key=lambda level: level.value if aim is None else abs(level.value - aim))


def _drifts(studies: dict[tuple[str, str], DriftStudy], rate: float, asked: int) -> list[Cause]:
    out = []
    for (parameter, factor), study in studies.items():
        for level in study.levels:
            p = min(1.0, level.p_holm * asked)
            twice = len(study.levels) == 2 and level is not study.levels[0]  # each against the other: one finding
            if p <= rate and not twice:
                out.append(Cause("drift", parameter, factor, str(level.level), p, level.slope, level.low, level.high,
                                 level, level.count))  # fmt: skip
    return out


def _patterns(maps: dict[tuple[str, str], Signature], rate: float, asked: int) -> list[Cause]:
    out = []
    for (response, carrier), found in maps.items():
        p = min(1.0, found.p * asked)
        if found.kind != "random" and p <= rate:
            best = next(e for e in found.evidence if e.kind == found.kind)
            out.append(Cause("map", response, carrier, found.kind, p, None, None, None, found, best.size))
    return out


def _strength(cause: Cause) -> float:
    return abs(cause.effect) if cause.kind == "failing" and cause.effect is not None else 0.0
