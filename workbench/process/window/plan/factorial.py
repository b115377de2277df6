"""Factorial plans: full, two-level fractions with their alias structure, Plackett-Burman.

Letters follow Montgomery: A B C D E F G H J K L ... (I is the identity). A word is a product of letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from pyDOE3 import fullfact, pbdesign

from workbench.errors import DomainError
from workbench.process.window.factors import Category, Factor, Setting
from workbench.process.window.plan.record import Plan

Array = np.ndarray
LETTERS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"

# (factors, runs): generators of the fraction of highest resolution and least aberration. Source: Montgomery, Design and
# Analysis of Experiments, table "Selected 2^(k-p) fractional factorial designs"; the tests check every row's resolution
# and word lengths against Chen, Sun and Wu 1993, Int. Statist. Rev. 61, 131.
FRACTIONS: dict[tuple[int, int], tuple[str, ...]] = {
    (3, 4): ("C=AB",),
    (4, 8): ("D=ABC",),
    (5, 16): ("E=ABCD",), (5, 8): ("D=AB", "E=AC"),
    (6, 32): ("F=ABCDE",), (6, 16): ("E=ABC", "F=BCD"), (6, 8): ("D=AB", "E=AC", "F=BC"),
    (7, 64): ("G=ABCDEF",), (7, 32): ("F=ABCD", "G=ABDE"), (7, 16): ("E=ABC", "F=BCD", "G=ACD"),
    (7, 8): ("D=AB", "E=AC", "F=BC", "G=ABC"),
    (8, 64): ("G=ABCD", "H=ABEF"), (8, 32): ("F=ABC", "G=ABD", "H=BCDE"),
    (8, 16): ("E=BCD", "F=ACD", "G=ABC", "H=ABD"),
    (9, 128): ("H=ACDFG", "J=BCEFG"), (9, 64): ("G=ABCD", "H=ACEF", "J=CDEF"),
    (9, 32): ("F=BCDE", "G=ACDE", "H=ABDE", "J=ABCE"), (9, 16): ("E=ABC", "F=BCD", "G=ACD", "H=ABD", "J=ABCD"),
    (10, 128): ("H=ABCG", "J=BCDE", "K=ACDF"), (10, 64): ("G=BCDF", "H=ACDF", "J=ABDE", "K=ABCE"),
    (10, 32): ("F=ABCD", "G=ABCE", "H=ABDE", "J=ACDE", "K=BCDE"),
    (10, 16): ("E=ABC", "F=BCD", "G=ACD", "H=ABD", "J=ABCD", "K=AB"),
    (11, 64): ("G=CDE", "H=ABCD", "J=ABF", "K=BDEF", "L=ADEF"),
    (11, 32): ("F=ABC", "G=BCD", "H=CDE", "J=ACD", "K=ADE", "L=BDE"),
    (11, 16): ("E=ABC", "F=BCD", "G=ACD", "H=ABD", "J=ABCD", "K=AB", "L=AC"),
}  # fmt: skip


@dataclass(frozen=True)
class Aliases:
    """What a two-level fraction cannot tell apart. `words` is the defining relation without I, with signs; `chains`
    lists, for each effect up to the order asked for, what it is confounded with up to that order."""

    words: tuple[str, ...]
    resolution: int | None  # length of the shortest word; None for a full factorial
    word_lengths: tuple[int, ...]  # number of words of length 1, 2, 3, ... k
    chains: tuple[tuple[str, ...], ...]


def full_factorial(factors: Sequence[Setting], levels: int | Sequence[int] = 2) -> Plan:
    """All combinations, the first factor changing fastest. `levels` of each factor (categories have their own),
    equally spaced from `low` to `high`."""
    wanted = [levels] * len(factors) if isinstance(levels, int) else list(levels)
    if len(wanted) != len(factors) or any(n < 2 for n in wanted):
        raise DomainError("process.plan_levels", got=wanted, allowed=">= 2")
    counts = [len(f.levels) if isinstance(f, Category) else n for f, n in zip(factors, wanted, strict=True)]
    _bounded(int(np.prod([float(n) for n in counts])))
    points = np.asarray(fullfact(counts), float)
    for i, f in enumerate(factors):
        if isinstance(f, Factor):
            points[:, i] = 2 * points[:, i] / (counts[i] - 1) - 1
    return Plan.of("full_factorial", factors, points, detail={"levels": tuple(counts)})


def fractional_factorial(
    factors: Sequence[Setting], generators: Sequence[str] = (), *, block_words: Sequence[str] = ()
) -> Plan:
    """A two-level fraction. `generators` such as ``("D=AB", "E=-AC")`` give the last factors as products of the first.

    `block_words` such as ``("ABC",)`` are confounded with blocks: each word doubles their number. Categories need two
    levels. Raises DomainError: a generator that is not one, words that are not independent or equal a main effect.
    """
    k, p = len(factors), len(generators)
    if any(isinstance(f, Category) and len(f.levels) != 2 for f in factors) or not 0 <= p < k <= len(LETTERS):
        raise DomainError("process.plan_levels", where="2^(k-p)", got=f"k = {k}, p = {p}", allowed="2")
    base = k - p
    _bounded(2**base)
    points = np.empty((2**base, k))
    for i in range(base):
        points[:, i] = 1 - 2.0 * ((np.arange(2**base) >> i & 1) == 0)
    defined = _parsed(generators, k)
    for i, (sign, mask) in defined.items():
        points[:, i] = sign * np.prod(points[:, _letters(mask)], axis=1)
    relation = _group([(sign, mask ^ 1 << i) for i, (sign, mask) in defined.items()])
    blocks = None
    if block_words:
        masks = [_mask(word, k) for word in block_words]
        confounded = _group([(1, m) for m in masks])
        every = {m ^ w for m in confounded for w in {0, *relation}}
        if len(confounded) < 2 ** len(masks) - 1 or any(m.bit_count() < 2 for m in every):
            raise DomainError("process.plan_generators", where="block_words", got=", ".join(block_words))
        signs = np.column_stack([points[:, _letters(m)].prod(axis=1) > 0 for m in masks])
        blocks = signs @ (1 << np.arange(len(masks)))
    for i, f in enumerate(factors):
        if isinstance(f, Category):
            points[:, i] = (points[:, i] + 1) / 2
    detail = {"generators": tuple(generators), "block_words": tuple(block_words)}
    return Plan.of("fractional_factorial" if p else "full_factorial", factors, points, block=blocks, detail=detail)


def standard_fraction(factors: Sequence[Setting], runs: int) -> Plan:
    """The fraction of `FRACTIONS` with so many runs (or the full factorial). Raises DomainError: none is listed."""
    k = len(factors)
    if runs == 2**k:
        return fractional_factorial(factors)
    if (k, runs) not in FRACTIONS:
        allowed = sorted(r for n, r in FRACTIONS if n == k)
        raise DomainError("process.plan_runs", where=f"k = {k}", got=runs, allowed=", ".join(map(str, allowed)))
    return fractional_factorial(factors, FRACTIONS[k, runs])


def aliases(plan: Plan, *, order: int = 2) -> Aliases:
    """Defining relation, resolution and alias chains of a plan from `fractional_factorial`, effects up to `order`."""
    k = len(plan.factors)
    defined = _parsed(plan.detail.get("generators", ()), k)
    relation = _group([(sign, mask ^ 1 << i) for i, (sign, mask) in defined.items()])
    lengths = tuple(sum(m.bit_count() == n for m in relation) for n in range(1, k + 1))
    effects = [sum(1 << i for i in c) for n in range(1, order + 1) for c in combinations(range(k), n)]
    seen: set[int] = set()
    chains = []
    for effect in effects:
        if effect in seen:
            continue
        others = [(sign, word ^ effect) for word, sign in relation.items()]
        others = sorted(
            (o for o in others if 0 < o[1].bit_count() <= order), key=lambda o: (o[1].bit_count(), _word(*o))
        )
        seen |= {effect, *(m for _, m in others)}
        chains.append((_word(1, effect), *(_word(*o) for o in others)))
    words = sorted((_word(sign, m) for m, sign in relation.items()), key=lambda w: (len(w.lstrip("-")), w))
    shortest = min((m.bit_count() for m in relation), default=None)
    return Aliases(tuple(words), shortest, lengths, tuple(chains))


def plackett_burman(factors: Sequence[Setting]) -> Plan:
    """Two-level screening in the next multiple of four runs above the number of factors; main effects are clear of each
    other, not of interactions. Source: Plackett and Burman 1946, Biometrika 33, 305."""
    if any(isinstance(f, Category) and len(f.levels) != 2 for f in factors) or not 2 <= len(factors) <= 47:
        raise DomainError("process.plan_levels", where="Plackett-Burman", got=len(factors), allowed="2 ... 47")
    points = np.asarray(pbdesign(len(factors)), float)
    if abs(points.T @ points - len(points) * np.eye(len(factors))).max() > 1e-9:
        raise DomainError("process.plan_runs", where="Plackett-Burman", got=len(points))  # the size is not built in
    for i, f in enumerate(factors):
        if isinstance(f, Category):
            points[:, i] = (points[:, i] + 1) / 2
    return Plan.of("plackett_burman", factors, points)


def _bounded(runs: int) -> None:
    if runs > 65_536:
        raise DomainError("process.plan_runs", got=runs, allowed="<= 65536")


def _parsed(generators: Sequence[str], k: int) -> dict[int, tuple[int, int]]:
    """{factor number: (sign, mask of its product)}; the factors with generators are the last ones."""
    found: dict[int, tuple[int, int]] = {}
    base = k - len(generators)
    for text in generators:
        left, _, right = text.replace(" ", "").partition("=")
        sign = -1 if right.startswith("-") else 1
        i, mask = LETTERS.find(left) if len(left) == 1 else -1, _mask(right.lstrip("+-"), base)
        if not base <= i < k or i in found or mask.bit_count() < 2 or (1, mask) in {(1, m) for _, m in found.values()}:
            raise DomainError("process.plan_generators", where=text, allowed=f"{LETTERS[base:k]} = {LETTERS[:base]}")
        found[i] = (sign, mask)
    return dict(sorted(found.items()))


def _mask(word: str, k: int) -> int:
    places = [LETTERS[:k].find(letter) for letter in word]
    if not word or min(places) < 0 or len(set(places)) < len(places):
        raise DomainError("process.plan_generators", where=word, allowed=LETTERS[:k])
    return sum(1 << i for i in places)


def _group(words: Sequence[tuple[int, int]]) -> dict[int, int]:
    """All products of signed words: {mask: sign}, without the identity."""
    found = {0: 1}
    for sign, mask in words:
        found |= {m ^ mask: s * sign for m, s in found.items()}
    found.pop(0)
    return found


def _letters(mask: int) -> list[int]:
    return [i for i in range(mask.bit_length()) if mask >> i & 1]


def _word(sign: int, mask: int) -> str:
    return ("-" if sign < 0 else "") + "".join(LETTERS[i] for i in _letters(mask))
