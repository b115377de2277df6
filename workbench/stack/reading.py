"""From an untrusted document to a Design, and back to canonical JSON with its content hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from workbench import materials
from workbench.errors import InputError
from workbench.stack.document import SCHEMA_VERSION, Design
from workbench.stack.patterns import KINDS
from workbench.stack.upgrading import upgraded


def read(document: Mapping[str, Any]) -> Design:
    """The design of a stored or customer's document (a JSON object).

    Raises InputError naming the part and the place: unknown or missing field, wrong kind, out of range, dies that
    overlap or leave their layer, an unknown die or material, a schema version of a newer workbench.
    """
    if not isinstance(document, Mapping):
        raise InputError("design.not_json", got=type(document).__name__)
    version = document.get("schema_version", 1)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise InputError("design.newer", where="schema_version", got=version, allowed=f"<= {SCHEMA_VERSION}")
    document = upgraded(document)
    try:
        text = json.dumps(document, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as fault:
        raise InputError("design.not_json", got=fault) from fault
    try:
        design = Design.model_validate_json(text)
    except ValidationError as fault:
        raise refusal(fault.errors(include_url=False)[0], document) from None
    for layer in design.layers:
        for material in filter(None, (layer.material, layer.around)):
            if material not in materials.seed_table():
                raise InputError("design.unknown_material", where=layer.name, got=material,
                                 allowed=", ".join(materials.seed_table()))  # fmt: skip
    return design


def to_document(design: Design) -> dict[str, Any]:
    """The JSON object of a design: fields that hold their default are left out, the schema version is kept."""
    return {"schema_version": design.schema_version, **design.model_dump(mode="json", exclude_defaults=True)}


def canonical_json(design: Design) -> str:
    """One text for one content: sorted keys, no spaces, negative zero written as zero."""
    return json.dumps(_plain(to_document(design)), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_sha256(design: Design) -> str:
    """Hash of the canonical JSON: equal for equal designs, whatever the order of their keys."""
    return hashlib.sha256(canonical_json(design).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return 0.0 if isinstance(value, float) and value == 0 else value


_RULES = {  # pydantic's kind of error -> our rule; anything else is a value of the wrong kind
    "missing": "design.field_missing",
    "extra_forbidden": "design.field_unknown",
    "literal_error": "design.not_a_choice",
    **dict.fromkeys(
        ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number", "too_long",
         "too_short", "string_too_long", "string_too_short", "string_pattern_mismatch"),
        "design.out_of_range",
    ),
}  # fmt: skip


_BOUNDS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "min_length": ">=", "max_length": "<=", "pattern": "",
           "expected": "", "expected_type": ""}  # fmt: skip


def _figure(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def refusal(error: Mapping[str, Any], document: Mapping[str, Any]) -> InputError:
    """Our error for one of pydantic's, in the words of the document it was found in."""
    rule = _RULES.get(error["type"], "design.wrong_type")
    got = "" if error["type"] in ("missing", "extra_forbidden") else str(error.get("input"))[:80]
    context = error.get("ctx") or {}
    allowed = ", ".join(f"{sign} {_figure(context[key])}".strip() for key, sign in _BOUNDS.items() if key in context)
    place = tuple(step for step in error["loc"] if step not in KINDS)
    return InputError(rule, where=_place(place, document), got=got, allowed=allowed)


def _place(location: tuple[Any, ...], document: Any) -> str:
    """`layers[2] "top die".dies[0] "U1".x_mm`: the path, with the name of each part on the way."""
    words, here = "", document
    for step in location:
        words += f"[{step}]" if isinstance(step, int) else f"{'.' if words else ''}{step}"
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            here = None
        if isinstance(step, int) and isinstance(here, Mapping):
            name = here.get("id") or here.get("name")
            words += f' "{name}"' if isinstance(name, str) else ""
    return words
