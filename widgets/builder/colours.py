"""What the colours of the scene say: material, net, power, rule state; with the legend of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from widgets.builder.lattices import Cells, Lattice
from widgets.builder.scene import Body, Scene, power_bodies
from workbench.i18n import t
from workbench.reports.look import MATERIAL_COLOURS, VERDICT_COLOURS
from workbench.stack import Design

MODES = ("material", "net", "power", "rules", "temperature")
NEUTRAL = "#B9C1CB"
ROLE_COLOURS = {"power": "#D55E00", "ground": "#0072B2", "signal": "#009E73", "unknown": "#E69F00", "none": "#C9CED6"}
SEVERITY_COLOURS = {"error": VERDICT_COLOURS["FAIL"], "care": VERDICT_COLOURS["MARGINAL"], "near": "#E0A23B"}
_VIRIDIS = (  # twelve even steps of the map
    "#440154", "#482173", "#433E85", "#38598C", "#2D708E", "#25858E", "#1E9B8A", "#2BB07F", "#51C56A", "#85D54A",
    "#C2DF23", "#FDE725",
)  # fmt: skip
_INFERNO = (
    "#000004", "#1B0C41", "#4A0C6B", "#781C6D", "#A52C60", "#CF4446", "#ED6925", "#FB9A06", "#F7D13D", "#FCFFA4",
)  # fmt: skip


def shade(normal: np.ndarray) -> float:
    """Light on a face; the same rule as in the shaders."""
    x, y, z = normal
    return 0.74 + 0.26 * max(z, 0) - 0.22 * max(-z, 0) - 0.12 * y + 0.06 * x


def viridis(share: float) -> str:
    return _between(_VIRIDIS, share)


def inferno(share: float) -> str:
    return _between(_INFERNO, share)


def _between(steps: Sequence[str], share: float) -> str:
    at = float(np.clip(share, 0, 1)) * (len(steps) - 1)
    low, high = steps[int(at)], steps[min(int(at) + 1, len(steps) - 1)]
    mixed = [
        round(int(low[i : i + 2], 16) * (1 - at % 1) + int(high[i : i + 2], 16) * (at % 1)) for i in (1, 3, 5)
    ]  # fmt: skip
    return "#{:02X}{:02X}{:02X}".format(*mixed)


@dataclass
class Painting:
    """Colours of one scene in one mode. `severities` gives the worst rule state of each part that has one,
    `temperatures_c` the temperature of parts for which one was measured or computed.
    """

    mode: str
    design: Design
    severities: Mapping[str, str] = field(default_factory=dict)
    solid_mould: bool = False
    temperatures_c: Mapping[str, float] = field(default_factory=dict)

    def bodies(self, scene: Scene) -> Sequence[Body]:
        """Every box with its colour; in the power mode also the power blocks."""
        if getattr(self, "_for", None) is not scene.bodies:
            self._for, self._bodies = scene.bodies, self._painted(scene)
        return self._bodies

    def _painted(self, scene: Scene) -> Sequence[Body]:
        painted = [replace(body, colour=self._colour(body)) for body in scene.bodies]
        if self.solid_mould:
            painted = [replace(b, opacity=1.0) if b.colour == MATERIAL_COLOURS["mould"] else b for b in painted]
        if self.mode == "power":
            powers = {(p.name, b.name): b.power_w / (b.width_mm * b.length_mm)
                      for p in self.design.placements for b in self.design.die(p.die).power_blocks}  # fmt: skip
            painted += [replace(block, colour=viridis(powers[block.part, block.label] / self.hottest))
                        for block in power_bodies(self.design)]  # fmt: skip
        return painted

    def _colour(self, body: Body) -> str:
        if self.mode == "power" and body.kind == "die":
            die = self.design.die(body.label)
            blocks = sum(block.width_mm * block.length_mm for block in die.power_blocks)
            rest = die.power_w - sum(block.power_w for block in die.power_blocks)
            return viridis(max(rest, 0) / max(die.area_mm2 - blocks, 1e-9) / self.hottest if rest > 1e-9 else 0.0)
        if self.mode == "rules" and body.kind in ("die", "layer"):
            severity = self.severities.get(body.part)
            return SEVERITY_COLOURS[severity] if severity else NEUTRAL
        if self.mode == "temperature" and body.kind in ("die", "layer"):
            known = self.temperatures_c.get(body.part)
            return NEUTRAL if known is None else inferno(self._warmth(known))
        if self.mode in ("net", "power") and body.kind == "die":
            return NEUTRAL
        return body.colour

    def _warmth(self, temperature_c: float) -> float:
        """Where a temperature lies between the coldest and the hottest part, 0 to 1; 0.5 where all are equal."""
        low, high = min(self.temperatures_c.values()), max(self.temperatures_c.values())
        return (temperature_c - low) / (high - low) if high > low else 0.5

    @cached_property
    def hottest(self) -> float:
        """The highest power density of a block or die, in W/mm2."""
        dies = [self.design.die(p.die) for p in self.design.placements]
        found = [die.power_w / die.area_mm2 for die in dies]
        found += [b.power_w / (b.width_mm * b.length_mm) for die in dies for b in die.power_blocks]
        return max(found, default=0.0) or 1.0

    # --- bumps and vias ----------------------------------------------------------------------------------------------

    def texels(self, part: Lattice | Cells) -> tuple[np.ndarray, Sequence[str]]:
        """State of every site as bytes (0: none, n: colour n - 1) and the colours."""
        found = self._texels.get(id(part))
        if found is None:
            found = self._texels[id(part)] = self._made(part)
        return found

    @cached_property
    def _texels(self) -> dict[int, tuple[np.ndarray, Sequence[str]]]:
        return {}

    def _made(self, part: Lattice | Cells) -> tuple[np.ndarray, Sequence[str]]:
        codes, palette = self._codes(part)
        if isinstance(part, Cells):
            state = np.where(part.index >= 0, codes[part.index] if codes is not None else 1, 0).astype(np.uint8)
            rest = np.full_like(state, 255)
            return np.dstack([part.offsets(), state, rest]), palette
        if codes is None and part.is_full:
            return np.ones((1, 1), np.uint8), palette
        index = part.all_features()
        state = np.where(index >= 0, codes[index] if codes is not None else 1, 0).astype(np.uint8)
        return state, palette

    def _codes(self, part: Lattice | Cells) -> tuple[np.ndarray | None, Sequence[str]]:
        """Colour number (from 1) of every feature of the field, or None where all have the first colour."""
        field_ = part.field
        if self.mode == "rules":
            severity = self.severities.get(field_.part)
            return None, (SEVERITY_COLOURS[severity] if severity else MATERIAL_COLOURS[field_.family],)
        if self.mode != "net":
            return None, (MATERIAL_COLOURS[field_.family],)
        names = tuple(ROLE_COLOURS)
        nets, net_words = field_.pattern.coded(field_.pattern.nets)
        ports, port_words = field_.pattern.coded(field_.pattern.ports)
        if len(net_words) * len(port_words) <= 10_000:  # few words: look each pair up once
            pairs = np.array([[names.index(self.roles(field_.part, port, net)) + 1 for port in port_words]
                              for net in net_words], np.uint8)  # fmt: skip
            codes = pairs[nets, ports]
        else:
            codes = np.array([names.index(self.roles(field_.part, port_words[p], net_words[n])) + 1
                              for n, p in zip(nets.tolist(), ports.tolist(), strict=True)], np.uint8)  # fmt: skip
        colours = tuple(ROLE_COLOURS.values())
        first = int(codes[0])
        if (codes == first).all():
            return None, (colours[first - 1],)
        return codes, colours

    @cached_property
    def roles(self) -> Callable[[str, str, str], str]:
        """Role of a bump from its part, port and net: the module's netlist decides, by pin, else by name."""
        by_pin = {(pin.part, pin.port): net.role for net in self.design.netlist for pin in net.pins}
        by_name = {net.name: net.role for net in self.design.netlist}

        def role(part: str, port: str, net: str) -> str:
            return by_pin.get((part, port)) or by_name.get(net) or ("unknown" if net or port else "none")

        return role

    # --- legend ------------------------------------------------------------------------------------------------------

    def legend(self, scene: Scene, lang: str) -> list[tuple[str, str]]:
        """Colour and words of everything that the picture's colours mean, in the mode."""
        if self.mode == "net":
            return [(colour, t(f"builder.role.{name}", lang)) for name, colour in ROLE_COLOURS.items()]
        if self.mode == "power":
            steps = (0.0, 0.25, 0.5, 0.75, 1.0)
            return [(viridis(s), f"{s * self.hottest:.2g} W/mm²") for s in steps]
        if self.mode == "temperature" and not self.temperatures_c:  # another design was opened
            return [(NEUTRAL, t("builder.colour.unknown_temperature", lang))]
        if self.mode == "temperature":
            low, high = min(self.temperatures_c.values()), max(self.temperatures_c.values())
            shares = (0.0, 0.25, 0.5, 0.75, 1.0) if high > low else (0.5,)
            known = [(inferno(s), f"{low + s * (high - low) if high > low else low:.1f} °C") for s in shares]
            return [*known, (NEUTRAL, t("builder.colour.unknown_temperature", lang))]
        if self.mode == "rules":
            return [(colour, t(f"builder.severity.{name}", lang)) for name, colour in SEVERITY_COLOURS.items()] + [
                (NEUTRAL, t("builder.severity.met", lang))
            ]
        found = {body.colour: "" for body in scene.bodies if body.kind != "die"}
        words = [(colour, t(f"builder.family.{family}", lang)) for family, colour in MATERIAL_COLOURS.items()
                 if colour in found or any(f.field.family == family for f in scene.fields)]  # fmt: skip
        dies = {body.label: body.colour for body in scene.bodies if body.kind == "die"}
        return [(colour, self.design.die(die).name) for die, colour in dies.items()] + [
            w for w in words if not (w[0] == MATERIAL_COLOURS["silicon"] and w[0] not in found)
        ]
