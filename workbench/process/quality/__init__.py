"""Statistical quality control: control charts, run rules, capability and tolerance.

The names most pages need are here; everything else is imported from its module. A name loads its module when first
used, so that importing one module of the package does not import all of them.
"""

from __future__ import annotations

from importlib import import_module

_PLACES = {
    "charts": ("Chart", "ChartPair", "individuals", "xbar_r", "xbar_s"),
    "constants": ("ChartConstants", "chart_constants"),
    "indices": ("Capability", "capability"),
    "rules": ("NELSON", "SHEWHART", "WESTERN_ELECTRIC", "Violation", "violations"),
    "tolerance": ("tolerance_factor",),
    "attributes": ("AttributeChart", "attribute_chart", "c_chart", "np_chart", "p_chart", "u_chart"),
    "memory": ("CusumChart", "EwmaChart", "cusum", "ewma"),
    "multivariate": ("MultivariateChart", "hotelling", "mewma"),
    "short_run": ("ShortRunChart", "dnom", "q_chart", "standardized_xbar_r", "z_mr"),
    "shrinkage": ("BorrowedLimits", "TypeLimits", "borrowed_chart", "borrowed_limits", "shrink"),
    "limits": ("FrozenLimits", "PhaseOne", "freeze", "freeze_borrowed", "phase_one", "phase_two", "revise"),
    "screening": ("Screen", "screen"),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
