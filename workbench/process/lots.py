"""What the analyses need of a lot: an experiment (settings and responses) or a monitor (subgroups over time).

The lots themselves come from outside: any object with the reading methods of the store's lots will do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from workbench.errors import InputError
from workbench.process.window import Factor, Limits


class Lots(Protocol):
    """The reading side of a collection of lots."""

    def lot(self, lot_id: str) -> Mapping[str, Any]: ...
    def settings(self, lot_id: str) -> pd.DataFrame: ...
    def measurements(self, lot_id: str, parameter: str | None = None) -> pd.DataFrame: ...
    def specifications(self, lot_id: str) -> Sequence[Mapping[str, Any]]: ...


@dataclass(frozen=True)
class Origin:
    """Where the numbers of a lot come from and whether they were checked against their source."""

    lot_id: str
    title: str
    source: str
    verified: bool
    synthetic: bool
    note: str = ""

    @property
    def flag(self) -> str | None:
        """The chip its numbers carry."""
        return "synthetic" if self.synthetic else None if self.verified else "unverified"


@dataclass(frozen=True)
class Experiment:
    """One run per carrier: `settings` (n, factors) and `responses` (n, responses), rows named by the carrier."""

    origin: Origin
    factors: tuple[Factor, ...]
    settings: pd.DataFrame
    responses: pd.DataFrame
    limits: dict[str, Limits]

    @classmethod
    def of(cls, lots: Lots, lot_id: str) -> Experiment:
        """Read an experiment. Several values of a response on one carrier are averaged.

        Raises InputError: the lot has no settings, fewer than two of them vary, or a run lacks a response.
        """
        settings = lots.settings(lot_id)
        if "carrier" in settings.columns:
            settings = settings.set_index("carrier")
        settings = settings.astype(float)
        varied = [c for c in settings.columns if settings[c].nunique() > 1]
        if not varied:
            raise InputError("process.not_an_experiment", where=lot_id)
        values = lots.measurements(lot_id)
        responses = values.pivot_table(index="carrier", columns="parameter", values="value", sort=False)
        responses = responses.reindex(settings.index)
        if responses.empty or responses.isna().to_numpy().any():
            raise InputError("process.runs_incomplete", where=lot_id, got=int(responses.isna().any(axis=1).sum()))
        factors = tuple(Factor(c, float(settings[c].min()), float(settings[c].max())) for c in varied)
        limits = {s["parameter"]: _limits(s) for s in lots.specifications(lot_id) if _limits(s)}
        return cls(origin_of(lots, lot_id), factors, settings[varied], responses, limits)


@dataclass(frozen=True)
class Monitor:
    """One parameter measured in subgroups of equal size over time: `subgroups` (m, n), named by `carriers`."""

    origin: Origin
    parameter: str
    carriers: tuple[str, ...]
    subgroups: np.ndarray
    lower: float | None
    upper: float | None
    target: float | None
    limits_source: str

    @classmethod
    def of(cls, lots: Lots, lot_id: str, parameter: str | None = None) -> Monitor:
        """Read a monitor; `parameter` is needed only where the lot has several. Carriers keep their order.

        Raises InputError: nothing measured, subgroups of unequal size, no specification for the parameter.
        """
        values = lots.measurements(lot_id, parameter)
        names = list(dict.fromkeys(values["parameter"]))
        if len(names) != 1:
            raise InputError("process.monitor_parameter", where=lot_id, got=", ".join(names), allowed="1")
        groups = {carrier: g.sort_values("position")["value"] for carrier, g in values.groupby("carrier", sort=False)}
        sizes = {len(g) for g in groups.values()}
        if len(sizes) != 1:
            raise InputError("process.subgroups_uneven", where=lot_id, got=sorted(sizes))
        spec = next((s for s in lots.specifications(lot_id) if s["parameter"] == names[0] and _limits(s)), None)
        if spec is None:
            raise InputError("process.no_limit", where=f"{lot_id} / {names[0]}")
        return cls(
            origin=origin_of(lots, lot_id),
            parameter=names[0],
            carriers=tuple(groups),
            subgroups=np.array([g.to_numpy(float) for g in groups.values()]),
            lower=_number(spec.get("lower")),
            upper=_number(spec.get("upper")),
            target=_number(spec.get("target")),
            limits_source=str(spec.get("source") or ""),
        )


def origin_of(lots: Lots, lot_id: str) -> Origin:
    """Where the numbers of a lot come from. Raises InputError for an unknown lot."""
    row = lots.lot(lot_id)
    return Origin(
        lot_id,
        str(row["title"]),
        str(row.get("source") or ""),
        bool(row.get("verified")),
        bool(row.get("synthetic")),
        str(row.get("note") or ""),
    )


def _limits(spec: Mapping[str, Any]) -> Limits | None:
    lower, upper = _number(spec.get("lower")), _number(spec.get("upper"))
    return None if lower is None and upper is None else Limits(lower, upper)


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)
