"""What every model of a fan-out step shares: named factors and parameters with ranges, and a generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench import facts
from workbench.errors import DomainError

Array = np.ndarray


@dataclass(frozen=True)
class Range:
    """What a parameter may be. `low`, `high` hold the central 95 % of what is plausible; `verified` is False where
    the source was not read."""

    name: str
    low: float
    typical: float
    high: float
    source: str
    verified: bool

    def __post_init__(self):
        if not self.low < self.typical < self.high:
            raise DomainError("process.model_range", where=self.name, got=f"{self.low}, {self.typical}, {self.high}",
                              allowed="low < typical < high")  # fmt: skip

    @property
    def logarithmic(self) -> bool:
        """Positive parameters are plausible in proportion, others in difference."""
        return self.low > 0

    def inner(self, value: Array) -> Array:
        """On the scale on which the parameter is estimated. Positive parameters: its logarithm."""
        return np.log(value) if self.logarithmic else np.asarray(value, float)

    def outer(self, value: Array) -> Array:
        return np.exp(value) if self.logarithmic else np.asarray(value, float)

    @property
    def prior(self) -> tuple[float, float]:
        """Centre and deviation of the normal prior on the inner scale: 95 % between low and high."""
        low, high = float(self.inner(self.low)), float(self.inner(self.high))
        return (low + high) / 2, (high - low) / (2 * 1.959963984540054)


@dataclass(frozen=True)
class Model:
    """A response as a function of factors (varied, known) and parameters (to be learnt), all as keywords.

    `verified`: the figures and the formula were read in their source; otherwise whatever shows them says "unverified".
    """

    name: str
    response: str
    factors: tuple[str, ...]
    parameters: tuple[Range, ...]
    function: Callable[..., Array]
    source: str
    verified: bool

    @property
    def flag(self) -> str | None:
        """The chip of its figures."""
        return None if self.verified and all(p.verified for p in self.parameters) else "unverified"

    def __getitem__(self, name: str) -> Range:
        return next(p for p in self.parameters if p.name == name)

    def typical(self, **changed: float) -> dict[str, float]:
        return {p.name: p.typical for p in self.parameters} | changed

    def predict(self, factors: Mapping[str, Array], parameters: Mapping[str, float]) -> Array:
        """Response (n,). Raises DomainError: a factor or parameter is absent, or outside the range of the function."""
        absent = [n for n in self.factors if n not in factors] + [
            p.name for p in self.parameters if p.name not in parameters]  # fmt: skip
        if absent:
            raise DomainError("process.model_factors", where=self.name, got=", ".join(absent),
                              allowed=", ".join((*self.factors, *(p.name for p in self.parameters))))  # fmt: skip
        columns = {name: np.asarray(factors[name], float) for name in self.factors}
        if len({c.shape for c in columns.values()}) > 1:
            raise DomainError("process.model_factors", where=self.name, got=[c.shape for c in columns.values()])
        return np.asarray(self.function(**columns, **{p.name: float(parameters[p.name]) for p in self.parameters}))


@dataclass(frozen=True)
class Generated:
    """A generated experiment: `runs` (factors and response), what was `planted`, the noise. Always synthetic."""

    model: str
    runs: pd.DataFrame
    planted: Mapping[str, float]
    noise: float
    seed: int
    synthetic: bool = True


def generate(
    model: Model, factors: Mapping[str, Array], *, noise: float, seed: int,
    parameters: Mapping[str, float] | None = None,
) -> Generated:  # fmt: skip
    """Responses of `model` at `factors` (columns of equal length) with normal noise of deviation `noise` in the unit of
    the response. The same seed gives the same runs. Without `parameters` the typical ones are planted."""
    planted = model.typical() if parameters is None else model.typical(**parameters)
    mean = model.predict(factors, planted)
    if not (np.isfinite(mean).all() and noise >= 0):
        raise DomainError("process.model_factors", where=model.name, got=noise, allowed="noise >= 0")
    runs = pd.DataFrame({name: np.asarray(factors[name], float) for name in model.factors})
    runs[model.response] = mean + noise * np.random.default_rng(seed).standard_normal(len(mean))
    return Generated(model.name, runs, planted, noise, seed)


def declared(name: str, *, response: str, factors: tuple[str, ...], function: Callable[..., Array]) -> Model:
    """The model whose ranges and sources stand under `name` in `data/process/fan_out.json`."""
    row = facts.load("process/fan_out")["models"][name]
    ranges = tuple(Range(n, r["low"], r["typical"], r["high"], r["source"], r["verified"])
                   for n, r in row["parameters"].items())  # fmt: skip
    return Model(name, response, factors, ranges, function, row["source"], row["verified"])


def require(condition: bool, where: str, got: object, allowed: str) -> None:
    """DomainError unless the arguments of a model are in range."""
    if not condition:
        raise DomainError("process.model_range", where=where, got=got, allowed=allowed)
