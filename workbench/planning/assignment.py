"""Which bump each pin goes to: the assignment of least total wirelength, proven optimal, from a few candidates.

Wires are counted by Manhattan length in whole nm, so that costs, prices and the proof are exact. The problem is solved
on sparse candidates; the prices of bumps that follow then rate *every* pair: a pair missing from the candidates that
would pay is added, and when none is left the answer is optimal for the full problem. With prices the length of a pair
plus the bump's price is a Manhattan distance in three dimensions, so that a k-d tree finds the best pairs without
looking at all of them.

A start comes from groups of neighbours, solved first, and from small dense problems along a curve through the bumps.
scipy's sparse shortest-path solver then takes costs in coarse steps, and exchanges along improving cycles and paths do
the rest. Sources: Klein, Management Science 14 (1967) 205 (negative cycles); Merigot, Computer Graphics Forum 30 (2011)
1583 and Schmitzer, SIAM J. Sci. Comput. 41 (2019) A1443 (coarse to fine, sparse candidates). On costs in nm, or on
bump fields without spare bumps, the sparse solver's price wars can last minutes: there exchanges alone are used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from workbench.errors import DomainError, InputError

NM_PER_UM = 1000.0
DENSE_PAIRS = 160_000  # below: every pair is a candidate
GROUP = 4  # pins, or bumps, that count as one on the next coarser level
NEAREST, BY_PRICE, POOL = 6, 4, 28  # candidates of a pin: nearest, cheapest by price, and those looked at in between
BLOCK = 100
LEAF = 64  # points in a leaf of the k-d trees: with many ties large leaves are faster
SETTLED = 50  # pairs of the pool that still pay, as a share of the pins, when all pairs are priced
MOST_ROUNDS = 60
STEPS = 10  # of cost in a bump pitch, for the start: coarse steps bound how often prices are bid down
SPARE = 1.02  # bumps to a pin from which scipy's sparse solver makes the start: with fewer it bids prices down for long
CYCLES_EVERY = 8  # turns of the search for improving exchanges between looks for cycles
FREE_ROUNDS = 8  # after so many rounds no candidate is dropped any more: the search then ends

Pairs = tuple[np.ndarray, np.ndarray]  # of pins, of bumps


@dataclass(frozen=True)
class Assignment:
    """`bump_of_pin` (n,) indexes the bumps. `bound_um` is the proven lower bound on the total Manhattan wirelength of
    any assignment: equal to `wirelength_um` here. `candidates` is how many pairs the last solution chose from,
    `rounds` how often candidates were added."""

    bump_of_pin: np.ndarray
    wirelength_um: float
    bound_um: float
    candidates: int
    rounds: int

    @property
    def is_optimal(self) -> bool:
        return self.bound_um == self.wirelength_um


def assign(pins_um: np.ndarray, bumps_um: np.ndarray) -> Assignment:
    """Assign every pin (n, 2) to a bump (m, 2) of its own, at the least total Manhattan wirelength.

    Coordinates are taken to the nearest nm. Raises InputError for fewer bumps than pins, DomainError for coordinates
    that are not finite or beyond 1 m.
    """
    pins, bumps = _whole_nm(pins_um, "pins"), _whole_nm(bumps_um, "bumps")
    if len(pins) > len(bumps):
        raise InputError("planning.too_few_bumps", where="bumps", got=len(bumps), allowed=f">= {len(pins):,}")
    if not len(pins):
        return Assignment(np.empty(0, int), 0.0, 0.0, 0, 0)
    found = _solved(pins, bumps, exactly=True)
    length = _lengths(pins, bumps, np.arange(len(pins)), found.match).sum()
    return Assignment(found.match, float(length) / NM_PER_UM, found.bound / NM_PER_UM, found.candidates, found.rounds)


def _whole_nm(xy_um: np.ndarray, where: str) -> np.ndarray:
    xy = np.asarray(xy_um, float).reshape(-1, 2)
    if not np.isfinite(xy).all() or (np.abs(xy) > 1e6).any():
        raise DomainError("planning.coordinates", where=where, allowed="-1e6 ... 1e6 um")
    return np.rint(xy * NM_PER_UM)


@dataclass
class _Level:
    """A solution with prices (m,) <= 0 of the bumps: zero where unused."""

    match: np.ndarray
    price: np.ndarray
    bound: float
    candidates: int
    rounds: int


def _lengths(pins: np.ndarray, bumps: np.ndarray, of_pin: np.ndarray, of_bump: np.ndarray) -> np.ndarray:
    return np.abs(pins[of_pin] - bumps[of_bump]).sum(-1)


def _solved(pins: np.ndarray, bumps: np.ndarray, *, exactly: bool) -> _Level:
    n, m = len(pins), len(bumps)
    if n * m <= DENSE_PAIRS:
        cost = np.abs(pins[:, None] - bumps[None]).sum(-1)
        match = linear_sum_assignment(cost)[1]
        of_pin, of_bump = np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
        price = _prices(match, of_pin, of_bump, cost.ravel(), m)
        bound = float((cost - price).min(1).sum() + price.sum())
        return _Level(match, price, bound, n * m, 1)
    target, price = _from_coarser(pins, bumps)
    return _Search(pins, bumps, target, price).run(exactly)


def _from_coarser(pins: np.ndarray, bumps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A feasible assignment near the optimum, and prices, from one of groups of neighbouring pins and bumps."""
    n, m = len(pins), len(bumps)
    pin_order, bump_order = _along_curve(pins), _along_curve(bumps)
    pin_group, bump_group = np.arange(n) // GROUP, np.arange(m) // GROUP
    coarse = _solved(_centres(pins[pin_order], pin_group), _centres(bumps[bump_order], bump_group), exactly=False)
    place = GROUP * coarse.match[pin_group] + np.arange(n) % GROUP
    held = place < m
    target = np.full(n, -1)
    target[pin_order[held]] = bump_order[place[held]]
    left = np.flatnonzero(target < 0)  # the last group of bumps may be short
    if len(left):
        target[left] = np.setdiff1d(np.arange(m), target)[: len(left)]
    price = np.empty(m)
    price[bump_order] = coarse.price[bump_group]
    return target, price


def _along_curve(xy: np.ndarray) -> np.ndarray:
    """Order along a space-filling curve (Morton), so that neighbours in order are neighbours in place."""
    span = max(float(np.ptp(xy, axis=0).max()), 1.0)
    cells = ((xy - xy.min(0)) / span * 0xFFFF).astype(np.int64)
    key = np.zeros(len(xy), np.int64)
    for bit in range(16):
        key |= ((cells[:, 0] >> bit & 1) << 2 * bit) | ((cells[:, 1] >> bit & 1) << 2 * bit + 1)
    return np.argsort(key, kind="stable")


def _centres(xy: np.ndarray, group: np.ndarray) -> np.ndarray:
    count = np.bincount(group)
    return np.rint(np.stack([np.bincount(group, xy[:, axis]) / count for axis in (0, 1)], axis=1))


def _spacing(bumps: np.ndarray) -> float:
    return max(float(np.prod(np.maximum(np.ptp(bumps, axis=0), 1.0)) / len(bumps)) ** 0.5, 1.0)


def _nearly_best(n: int, m: int, of_pin: np.ndarray, of_bump: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """The best assignment by costs in whole coarse steps; the pairs, in order of pins, hold a full assignment."""
    rows = np.r_[0, np.cumsum(np.bincount(of_pin, minlength=n))]
    return min_weight_full_bipartite_matching(csr_matrix((cost + 1, of_bump, rows), (n, m)))[1].astype(np.int64)


def _prices(
    match: np.ndarray, of_pin: np.ndarray, of_bump: np.ndarray, cost: np.ndarray, m: int,
    start: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Prices (m,) that prove an assignment optimal among the candidates; `match` is improved in place until it is.

    Prices are shortest paths of exchanges (Bellman-Ford): pin by pin, each takes the next one's bump. Only pins whose
    bump's price fell in the last turn are looked at again, all of them at the end. A path that closes on itself with a
    gain, or reaches an unused bump with one, improves the assignment; all such paths that share no bump are taken at
    once. Prices (m,) <= 0 to `start` from, zero where unused, shorten the search where they are nearly right; where
    they prove too low it begins anew from zero.
    """
    n = len(match)
    order = np.argsort(of_pin, kind="stable")
    of_pin, of_bump, cost = of_pin[order], of_bump[order], cost[order]
    size = np.bincount(of_pin, minlength=n)
    first = np.cumsum(size) - size
    while True:
        own = np.empty(n)
        is_own = match[of_pin] == of_bump
        own[of_pin[is_own]] = cost[is_own]
        gain = cost - own[of_pin]
        owner = np.full(m, -1)
        owner[match] = np.arange(n)
        unused = owner < 0
        price, via = np.zeros(m) if start is None else start.copy(), np.full(m, -1)
        price[unused] = 0.0
        begun = price.copy()
        pairs, offer, turn = None, price[match][of_pin] + gain, 0
        while True:
            lower = np.flatnonzero(offer < price[of_bump if pairs is None else of_bump[pairs]])
            if not lower.size:
                if pairs is None:
                    break
                pairs, offer = None, price[match][of_pin] + gain
                continue
            pairs, offer = lower if pairs is None else pairs[lower], offer[lower]
            bump = of_bump[pairs]
            np.minimum.at(price, bump, offer)
            best = offer == price[bump]
            pairs, bump = pairs[best], bump[best]
            via[bump] = pairs
            pin = owner[bump[via[bump] == pairs]]  # of equal offers for a bump the one that `via` kept counts
            pin = pin[pin >= 0]
            turn += 1
            if turn > m + 1:
                raise AssertionError("no improving cycle was found although prices keep falling")
            if turn % CYCLES_EVERY == 0 and (cycles := _take_cycles(match, via, of_pin, of_bump)).size:
                moved = of_pin[cycles]
                owner[match[moved]] = moved
                pairs = _spans(first[moved], size[moved])
                gain[pairs] = cost[pairs] - np.repeat(cost[cycles], size[moved])
                # Prices still hold nearly everywhere; paths begin anew from them.
                pin = np.unique(np.concatenate([pin, moved]))
                price[unused], via[:], turn = 0.0, -1, 0
                begun = price.copy()
            pairs = _spans(first[pin], size[pin])
            offer = np.repeat(price[match[pin]], size[pin]) + gain[pairs]
        if not (price[unused] < 0).any():
            return price
        start = price if _take_paths(match, via, of_pin, of_bump, price, begun, unused) else None


def _spans(first: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The numbers first, first + 1, ... of each span, one span after another."""
    ends = np.cumsum(size)
    return np.repeat(first - ends + size, size) + np.arange(ends[-1] if len(ends) else 0)


def _take_cycles(match, via, of_pin, of_bump) -> np.ndarray:
    """Exchange along every cycle of the paths so far; each of them shortens the wires. The pairs taken."""
    reached = np.flatnonzero(via >= 0)
    count = len(reached)
    place = np.full(len(via), count)
    place[reached] = np.arange(count)
    before = np.append(place[match[of_pin[via[reached]]]], count)
    ahead = before
    for _ in range(count.bit_length() + 1):  # after more steps than there are bumps only cycles are left
        ahead = ahead[ahead]
    on_cycle = np.unique(ahead[ahead < count])
    # What 2^k steps reach are bumps on cycles; close them under one step.
    while on_cycle.size:
        more = np.unique(np.append(on_cycle, before[on_cycle]))
        if more.size == on_cycle.size:
            break
        on_cycle = more
    pairs = via[reached[on_cycle]]
    match[of_pin[pairs]] = of_bump[pairs]
    return pairs


def _take_paths(match, via, of_pin, of_bump, price, begun, unused) -> bool:
    """Exchange along the best path to an unused bump from each bump that a path starts at; False where none gains,
    the path's first bump, which falls free, counted."""
    m = len(via)
    before = np.arange(m)
    reached = np.flatnonzero(via >= 0)
    before[reached] = match[of_pin[via[reached]]]
    root = before
    for _ in range(m.bit_length()):
        root = root[root]
    ends = np.flatnonzero(unused & (price < 0))
    ends = ends[np.argsort(price[ends], kind="stable")]
    ends = ends[np.unique(root[ends], return_index=True)[1]]  # paths from different starts share no bump
    ends = ends[price[ends] < begun[root[ends]]]
    steps = []
    for end in ends.tolist():
        here = end
        while via[here] >= 0:
            steps.append(via[here])
            here = before[here]
    match[of_pin[steps]] = of_bump[steps]
    return bool(steps)


class _Search:
    """Column generation on one level: solve among candidates, price, add what would pay, until nothing does."""

    def __init__(self, pins: np.ndarray, bumps: np.ndarray, target: np.ndarray, price: np.ndarray):
        self.pins, self.bumps, self.match = pins, bumps, target
        self.n, self.m = len(pins), len(bumps)
        self.spacing = _spacing(bumps)
        self._sweep()
        _, near = cKDTree(bumps, LEAF).query(bumps[self.match], k=min(POOL, self.m), workers=-1)
        near = near.reshape(self.n, -1)
        pins_of_pool = np.repeat(np.arange(self.n), near.shape[1])
        self.pool = self._unique(pins_of_pool, near.ravel())
        best = self._best_pairs(price)
        few = near[:, :NEAREST]
        self.of_pin, self.of_bump = self._unique(
            np.concatenate([np.repeat(np.arange(self.n), few.shape[1]), np.arange(self.n), *(pin for pin, _ in best)]),
            np.concatenate([few.ravel(), self.match, *(bump for _, bump in best)]),
        )
        self.price: np.ndarray | None = None

    def run(self, exactly: bool) -> _Level:
        for number in range(1, MOST_ROUNDS + 1):
            self._solve_within_pool(drop=number < FREE_ROUNDS)
            own = _lengths(self.pins, self.bumps, np.arange(self.n), self.match)
            bound, paying = self._paying_pairs(own - self.price[self.match], both_sides=number == 1)
            total = float(own.sum())
            if bound == total or (not exactly and total - bound <= 0.01 * total):
                break
            self._add(paying, own, drop=number < FREE_ROUNDS)
        return _Level(self.match, self.price, bound, len(self.of_pin), number)

    def _solve_within_pool(self, *, drop: bool) -> None:
        """Until no pair of the pool would pay; pricing the pool is cheap, pricing all pairs is not."""
        for _ in range(12):
            self._solve()
            own = _lengths(self.pins, self.bumps, np.arange(self.n), self.match)
            worth = own - self.price[self.match]
            pin, bump = self.pool
            pays = _lengths(self.pins, self.bumps, pin, bump) - self.price[bump] < worth[pin]
            if pays.sum() <= self.n // SETTLED:
                break
            self._add([(pin[pays], bump[pays])], own, drop=drop)

    def _solve(self) -> None:
        cost = _lengths(self.pins, self.bumps, self.of_pin, self.of_bump)
        if self.price is None and self.m > SPARE * self.n:
            self.match = _nearly_best(self.n, self.m, self.of_pin, self.of_bump, np.rint(cost * STEPS / self.spacing))
        self.price = _prices(self.match, self.of_pin, self.of_bump, cost, self.m, self.price)

    def _sweep(self) -> None:
        """Put neighbouring pins right among themselves and the unused bumps around: dense problems of BLOCK pins, one
        after another along a curve, twice, the second time with the blocks shifted by half."""
        taken = np.zeros(self.m, bool)
        taken[self.match] = True
        for shift in (0, BLOCK // 2):
            order = _along_curve(self.bumps[self.match])
            for start in range(-shift, self.n, BLOCK):
                pins = order[max(start, 0) : start + BLOCK]
                own = self.match[pins]
                low, high = self.bumps[own].min(0) - 3 * self.spacing, self.bumps[own].max(0) + 3 * self.spacing
                near = ((self.bumps >= low) & (self.bumps <= high)).all(1)
                choice = np.concatenate([own, np.flatnonzero(near & ~taken)[: BLOCK // 2]])
                cost = np.abs(self.pins[pins][:, None] - self.bumps[choice][None]).sum(-1)
                taken[own] = False
                self.match[pins] = choice[linear_sum_assignment(cost)[1]]
                taken[self.match[pins]] = True

    def _best_pairs(self, price: np.ndarray) -> tuple[Pairs, ...]:
        """The pairs that look best at given prices, seen from the pins and from the bumps."""
        length, bump = cKDTree(np.column_stack([self.bumps, -price]), LEAF).query(
            np.column_stack([self.pins, np.zeros(self.n)]), k=min(BY_PRICE, self.m), p=1, workers=-1)  # fmt: skip
        worth = length[:, 0]
        top = worth.max()
        _, pin = cKDTree(np.column_stack([self.pins, top - worth]), LEAF).query(
            np.column_stack([self.bumps, np.zeros(self.m)]), k=min(BY_PRICE, self.n), p=1, workers=-1)  # fmt: skip
        return ((np.repeat(np.arange(self.n), bump.shape[1]), bump.ravel()),
                (pin.ravel(), np.repeat(np.arange(self.m), pin.shape[1])))  # fmt: skip

    def _paying_pairs(self, worth: np.ndarray, *, both_sides: bool) -> tuple[float, tuple[Pairs, ...]]:
        """Pairs of the full problem whose length is below what the pin now has (n,) plus the bump's price, and the
        lower bound that follows. Lifting each pin by what it has lets one radius bound all searches: ties end them.
        """
        top = float(worth.max())
        pins = np.column_stack([self.pins, worth - top])
        bumps = np.column_stack([self.bumps, -self.price])
        found = []
        least = worth.copy()
        for near, sites, far in ((pins, bumps, False), (bumps, pins, True)):
            away, which = cKDTree(sites, LEAF).query(near, k=BY_PRICE, p=1, distance_upper_bound=top - 0.5, workers=-1)
            pays = np.isfinite(away)
            here = np.repeat(np.arange(len(near))[:, None], BY_PRICE, 1)[pays]
            found.append((which[pays], here) if far else (here, which[pays]))
            if not far:
                least = np.minimum(worth, away[:, 0] - top + worth)
                if not (both_sides and pays.any()):
                    break
        return float(least.sum() + self.price.sum()), tuple(found)

    def _add(self, pairs, own: np.ndarray, *, drop: bool) -> None:
        """Take the pairs in; drop those that are far from paying, except the ones in use."""
        kept = slice(None)
        if drop:
            reduced = _lengths(self.pins, self.bumps, self.of_pin, self.of_bump) - self.price[self.of_bump]
            kept = reduced - (own - self.price[self.match])[self.of_pin] <= self.spacing / 2
        self.of_pin, self.of_bump = self._unique(
            np.concatenate([self.of_pin[kept], np.arange(self.n), *(pin for pin, _ in pairs)]),
            np.concatenate([self.of_bump[kept], self.match, *(bump for _, bump in pairs)]),
        )

    def _unique(self, of_pin: np.ndarray, of_bump: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        key = np.unique(of_pin.astype(np.int64) * self.m + of_bump)
        return np.divmod(key, self.m)
