"""Complete designs from a few parameters: where a new design begins.

A template's figures are plausible choices and marked unverified, except those whose source it names. Dies that face
down are mirrored: layouts are drawn as seen from the die's face.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from workbench.errors import InputError
from workbench.schema import Parameters
from workbench.stack.document import Design
from workbench.stack.templates.memory import DieAndHbm, die_and_hbm
from workbench.stack.templates.side_by_side import SideBySide, side_by_side
from workbench.stack.templates.stacked import FaceToBack, FaceToFace, face_to_back, face_to_face

_BUILDERS: Mapping[str, tuple[type[Parameters], Callable[[Any], Design]]] = {
    "face-to-face": (FaceToFace, face_to_face),
    "face-to-back": (FaceToBack, face_to_back),
    "side-by-side": (SideBySide, side_by_side),
    "die-and-hbm": (DieAndHbm, die_and_hbm),
}
TEMPLATES: Mapping[str, type[Parameters]] = MappingProxyType({name: kind for name, (kind, _) in _BUILDERS.items()})


def build(name: str, parameters: Parameters | None = None) -> Design:
    """The design of a template; `parameters` None: its defaults.

    Raises InputError for an unknown template, parameters of another, or parts that do not fit each other.
    """
    if name not in TEMPLATES:
        raise InputError("planning.template_unknown", got=name, allowed=", ".join(TEMPLATES))
    kind, builder = _BUILDERS[name]
    p = kind() if parameters is None else parameters
    if not isinstance(p, kind):
        raise InputError("planning.template_parameters", where=name, got=type(p).__name__, allowed=kind.__name__)
    return builder(p)


__all__ = ["TEMPLATES", "DieAndHbm", "FaceToBack", "FaceToFace", "SideBySide", "build"]
