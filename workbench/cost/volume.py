"""Cost per module against quantity: what is spent once is shared, and rival flows cross at a break-even quantity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from workbench.errors import DomainError


def unit_cost_usd(*, recurring_usd: ArrayLike, nre_usd: ArrayLike, quantity: ArrayLike) -> np.ndarray:
    """Recurring cost plus the share of the non-recurring one. Arguments broadcast; quantity in good modules, > 0."""
    count = np.asarray(quantity, float)
    if np.any(~(count > 0)):
        raise DomainError("cost.domain", where="quantity", got=quantity, allowed="> 0")
    return np.asarray(recurring_usd, float) + np.asarray(nre_usd, float) / count


@dataclass(frozen=True)
class FlowTotals:
    """What a flow costs per good module, and once."""

    flow: str
    recurring_usd: float
    nre_usd: float


@dataclass(frozen=True)
class BreakEven:
    """From `quantity` good modules on, `above` is cheaper than `below`. `usd` is the cost per module of both there."""

    below: str
    above: str
    quantity: float
    usd: float


def break_even(first: FlowTotals, second: FlowTotals) -> BreakEven | None:
    """Where two flows cost the same per module, or None when one is cheaper at every quantity (or both are equal).

    recurring + nre / q is linear in 1 / q, so the crossing is exact: q = (nre_2 - nre_1) / (recurring_1 - recurring_2).
    """
    saved, more = first.recurring_usd - second.recurring_usd, second.nre_usd - first.nre_usd
    if saved == 0 or more == 0 or (saved > 0) != (more > 0):
        return None
    quantity = more / saved
    below, above = (first, second) if saved > 0 else (second, first)
    usd = float(unit_cost_usd(recurring_usd=first.recurring_usd, nre_usd=first.nre_usd, quantity=quantity))
    return BreakEven(below.flow, above.flow, quantity, usd)


@dataclass(frozen=True)
class VolumeCurves:
    """`usd[flow]` over `quantity` (one shape); `cheapest` lists the flow that is cheapest from each quantity on, the
    first from 0 on; `crossings` are the changes between them."""

    quantity: np.ndarray
    usd: Mapping[str, np.ndarray]
    cheapest: tuple[tuple[float, str], ...]
    crossings: tuple[BreakEven, ...]


def volume_curves(flows: tuple[FlowTotals, ...], *, low: float = 1e2, high: float = 1e8) -> VolumeCurves:
    """Every flow over `low` ... `high` good modules (logarithmic), and which one is cheapest where.

    The cheapest flows are the lower envelope over all quantities > 0, so a change outside low ... high is listed too.
    """
    if not flows or not 0 < low < high:
        raise DomainError("cost.domain", where="volume", got=f"{len(flows)} flows, {low} ... {high}",
                          allowed=">= 1 flow, 0 < low < high")  # fmt: skip
    quantity = np.geomspace(low, high, 121)
    usd = {
        f.flow: unit_cost_usd(recurring_usd=f.recurring_usd, nre_usd=f.nre_usd, quantity=quantity) for f in flows
    }  # fmt: skip
    # At vanishing quantity the least NRE wins; from there, always the earliest crossing to something cheaper.
    now = min(flows, key=lambda f: (f.nre_usd, f.recurring_usd))
    cheapest, crossings = [(0.0, now.flow)], []
    while True:
        ahead = [(b, f) for f in flows if (b := break_even(now, f)) is not None and b.above == f.flow]
        if not ahead:
            return VolumeCurves(quantity, usd, tuple(cheapest), tuple(crossings))
        crossing, now = min(ahead, key=lambda pair: (pair[0].quantity, pair[1].recurring_usd))
        crossings.append(crossing)
        cheapest.append((crossing.quantity, now.flow))
