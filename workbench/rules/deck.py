"""Rule decks: what a process can make, as frozen, versioned documents. Each figure has its source, and says whether
that source was read; one that was not can ask for care, never fail a design.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workbench import facts
from workbench.errors import InputError
from workbench.i18n import language
from workbench.stack import Design, Layer
from workbench.units import unit_of

SEEDS = ("published", "amkor_wlcsp_400", "amkor_wlcsp_500")  # files of data/rules; the first is the default

# What a rule may limit, and the names its values may have. The last group is kept with a deck so that it is complete,
# though a design holds nothing to compare it with (polyimide openings, pads of the top metal).
LIMITS: dict[str, tuple[str, ...]] = {
    "die_size": ("max_width_mm", "max_length_mm"),
    "die_size_min": ("min_width_mm", "min_length_mm"),
    "body_size": ("max_width_mm", "max_length_mm"),
    "carrier_field": ("max_width_mm", "max_length_mm"),
    "thin_die": ("min_thickness_um",),
    "mould": ("min_thickness_um", "max_thickness_um"),
    "gap": ("min_gap_mm",),
    "bump_pitch": ("min_pitch_um", "max_pitch_um"),
    "bump_space": ("min_space_um",),
    "bump_diameter": ("min_diameter_um", "max_diameter_um"),
    "bump_edge": ("min_edge_um",),
    "bump_alignment": ("max_offset_um",),
    "alignment_mark": ("max_offset_um",),
    "tsv_aspect": ("max_aspect",),
    "tsv_keep_out": ("min_keep_out_um",),
    "tsv_block": ("max_share_percent",),
    "metal_line": ("min_line_um", "min_space_um"),
    "metal_count": ("max_metals",),
    "via_size": ("min_via_um",),
    "via_enclosure": ("min_enclosure_um",),
    "die_shift": ("max_shift_um", "max_overlay_um"),
    "opening_width": ("min_width_um",),
    "opening_space": ("min_space_um",),
    "opening_enclosure": ("min_enclosure_um",),
    "ball_pad_width": ("min_width_um",),
    "ball_pad_edge": ("min_edge_um",),
    "scribe_pitch": ("min_pitch_um", "max_pitch_um"),
}
WHOLE = ("die_size", "die_size_min", "body_size", "carrier_field")  # two sides mean nothing one by one
NOT_DRAWN = ("opening_width", "opening_space", "opening_enclosure", "ball_pad_width", "ball_pad_edge", "scribe_pitch")
# The selectors a check looks at; carriers and flows are those of the design, so nearly all have them. Rules about what
# is not drawn may say with any selector what they are about.
SELECTORS = ("methods", "carriers", "flows", "kinds", "materials", "above_diameter_um", "orientations")
_OF_BUMPS = ("carriers", "flows", "methods", "above_diameter_um")
_OF_LAYERS = ("carriers", "flows", "kinds", "materials")
USED: dict[str, tuple[str, ...]] = dict.fromkeys(LIMITS, ("carriers", "flows")) | {
    "bump_pitch": SELECTORS[:-1], "bump_diameter": SELECTORS[:-1], "bump_space": _OF_BUMPS, "bump_edge": _OF_BUMPS,
    "bump_alignment": ("carriers", "flows", "methods"), "alignment_mark": ("orientations",),
    "metal_line": _OF_LAYERS, "metal_count": _OF_LAYERS, "via_size": _OF_LAYERS, "via_enclosure": _OF_LAYERS,
} | dict.fromkeys(NOT_DRAWN, SELECTORS)  # fmt: skip

Identifier = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
Text = Annotated[str, Field(min_length=1, max_length=400, pattern=r"^[^\x00-\x1f]*$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Rule(_Frozen):
    """One limit. Empty selectors apply to everything; `above_diameter_um` only to bumps wider than it. `marks` are the
    cells of the two alignment marks that must meet, `orientations` their allowed relative orientations (any if empty).
    """

    id: Identifier
    limits: Identifier
    title: Text
    title_zh: Text
    values: dict[str, Annotated[float, Field(ge=0, le=1e9)]]
    methods: tuple[str, ...] = ()
    carriers: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()  # of layer
    materials: tuple[str, ...] = ()
    above_diameter_um: Annotated[float, Field(gt=0)] | None = None
    marks: tuple[str, ...] = ()
    orientations: tuple[str, ...] = ()
    severity: Literal["error", "care"] = "error"
    source: Text
    verified: bool

    @model_validator(mode="after")
    def _known(self):
        if self.limits not in LIMITS:
            raise InputError("rules.unknown_limit", where=self.id, got=self.limits, allowed=", ".join(LIMITS))
        allowed = LIMITS[self.limits]
        wrong = [name for name in self.values if name not in allowed]
        if wrong or not self.values:
            raise InputError("rules.unknown_value", where=self.id, got=", ".join(wrong) or "–",
                             allowed=", ".join(allowed))  # fmt: skip
        missing = [name for name in allowed if name not in self.values] if self.limits in WHOLE else []
        if missing:
            raise InputError("rules.missing_value", where=self.id, got=", ".join(self.values),
                             allowed=", ".join(allowed))  # fmt: skip
        idle = [name for name in SELECTORS if getattr(self, name) and name not in USED[self.limits]]
        if idle:
            raise InputError("rules.unused_selector", where=self.id, got=", ".join(idle),
                             allowed=", ".join(USED[self.limits]))  # fmt: skip
        if (self.limits == "alignment_mark") != (len(self.marks) == 2):
            raise InputError("rules.marks", where=self.id, got=len(self.marks), allowed="2")
        return self

    def name(self, lang: str | None = None) -> str:
        return self.title_zh if (lang or language()) == "zh-Hant" else self.title

    def value(self, name: str) -> float | None:
        return self.values.get(name)

    @property
    def soft(self) -> bool:
        """Whether breaking it asks for care only: by its own word, or because its source was not read."""
        return self.severity == "care" or not self.verified

    def fits(self, design: Design, *, method: str | None = None, layer: Layer | None = None,
             diameter_um: float | None = None) -> bool:  # fmt: skip
        """Whether the selectors let it apply to this design, bond method, layer and bump."""
        return (
            (not self.carriers or design.carrier in self.carriers)
            and (not self.flows or design.flow in self.flows)
            and (not self.methods or method in self.methods)
            and (not self.kinds or (layer is not None and layer.kind in self.kinds))
            and (not self.materials or (layer is not None and layer.material in self.materials))
            and (self.above_diameter_um is None
                 or (diameter_um is not None and diameter_um > self.above_diameter_um * (1 + 1e-9)))
        )  # fmt: skip


class Deck(_Frozen):
    """A set of rules under one name and version."""

    deck_id: Identifier
    version: Annotated[str, Field(min_length=1, max_length=40)]
    title: Text
    title_zh: Text
    source: Annotated[str, Field(max_length=2000)] = ""
    note: Annotated[str, Field(max_length=2000)] = ""
    rules: tuple[Rule, ...] = Field(min_length=1, max_length=5_000)

    @model_validator(mode="after")
    def _different(self):
        seen: set[str] = set()
        for rule in self.rules:
            if rule.id in seen:
                raise InputError("rules.duplicate", where=self.deck_id, got=rule.id)
            seen.add(rule.id)
        return self

    def name(self, lang: str | None = None) -> str:
        return self.title_zh if (lang or language()) == "zh-Hant" else self.title

    def of(self, limits: str) -> tuple[Rule, ...]:
        """The rules that limit one thing."""
        return tuple(rule for rule in self.rules if rule.limits == limits)

    def document(self) -> dict[str, Any]:
        """The JSON object of the deck: fields that hold their default are left out."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def content_sha256(self) -> str:
        text = json.dumps(self.document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def read_deck(document: Mapping[str, Any]) -> Deck:
    """The deck of a JSON object. Raises InputError naming the rule and field that cannot be."""
    try:
        text = json.dumps(document, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as fault:
        raise InputError("rules.not_a_deck", got=str(fault)[:200]) from fault
    try:
        return Deck.model_validate_json(text)
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InputError("rules.not_a_deck", where=where, got=str(first.get("input"))[:80],
                         allowed=first["msg"]) from None  # fmt: skip


@cache
def seed_deck(deck_id: str = SEEDS[0]) -> Deck:
    """A deck shipped with the workbench. Raises InputError for an unknown one."""
    if deck_id not in SEEDS:
        raise InputError("rules.unknown_deck", got=deck_id, allowed=", ".join(SEEDS))
    return read_deck(facts.load(f"rules/{deck_id}"))


def decks() -> tuple[Deck, ...]:
    """Every deck shipped with the workbench, the default first."""
    return tuple(seed_deck(deck_id) for deck_id in SEEDS)


def unit_of_value(name: str) -> str:
    """The unit suffix of a value's name, empty for a count or ratio."""
    unit = unit_of(name)
    return unit.suffix if unit else ""
