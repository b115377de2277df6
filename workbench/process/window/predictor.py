"""What the window asks of a model of a response, whatever its kind; a model with some columns held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

Array = np.ndarray


class ModelDraws(Protocol):
    """Plausible truths of one response, from the posterior of its model."""

    sigma: Array  # (draws,) standard deviation of a unit around the mean

    def means(self, x: Array) -> Array:
        """Mean response (draws, n) of every truth at the points `x` (n, k)."""
        ...


class Predictor(Protocol):
    """A model that predicts one unit at coded points by Student t with `dof` (infinite: normal)."""

    response: str
    dof: float
    sigma: float  # of a unit around the mean
    uniforms: int  # numbers in 0 ... 1 that one draw of `draws` takes

    @property
    def residuals(self) -> Array: ...
    def mean(self, x: Array) -> Array: ...
    def scale(self, x: Array, *, predict: bool = True) -> Array: ...
    def predicted(self, x: Array) -> tuple[Array, Array]: ...  # mean and scale of one unit, at the price of one
    def draws(self, u: Array) -> ModelDraws: ...


@dataclass(frozen=True)
class Held:
    """A model of all columns as a model of the `free` ones (their numbers), the others kept at `at` (k,)."""

    model: Predictor
    free: tuple[int, ...]
    at: Array

    @property
    def response(self) -> str:
        return self.model.response

    @property
    def dof(self) -> float:
        return self.model.dof

    @property
    def sigma(self) -> float:
        return self.model.sigma

    @property
    def uniforms(self) -> int:
        return self.model.uniforms

    @property
    def residuals(self) -> Array:
        return self.model.residuals

    def whole(self, x: Array) -> Array:
        """Points of the free columns (n, free) with the held ones (n, k)."""
        x = np.atleast_2d(np.asarray(x, float))
        full = np.tile(np.asarray(self.at, float), (len(x), 1))
        full[:, list(self.free)] = x
        return full

    def mean(self, x: Array) -> Array:
        return self.model.mean(self.whole(x))

    def scale(self, x: Array, *, predict: bool = True) -> Array:
        return self.model.scale(self.whole(x), predict=predict)

    def predicted(self, x: Array) -> tuple[Array, Array]:
        return self.model.predicted(self.whole(x))

    def draws(self, u: Array) -> ModelDraws:
        return _HeldDraws(self, self.model.draws(u))


@dataclass(frozen=True)
class _HeldDraws:
    held: Held
    inner: ModelDraws

    @property
    def sigma(self) -> Array:
        return self.inner.sigma

    def means(self, x: Array) -> Array:
        return self.inner.means(self.held.whole(x))
