"""What a design costs: every flow with its recurring and non-recurring cost, volume curves, break-even, sensitivity.

`of_design` is the one entry for the command line, the notebook and the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scipy.optimize import brentq

from workbench.cost.assembly import FLOWS, Chip, FlowCost, Terms
from workbench.cost.case import CostCase
from workbench.cost.nre import NreCost
from workbench.cost.overlay import particle_density_per_um2
from workbench.cost.parameters import StackProcess, chiplet_actuary, stack_process
from workbench.cost.sensitivity import Swing, tornado
from workbench.cost.stacking import STACK_FLOWS, BuiltStack
from workbench.cost.testing import NONE, PERFECT, ElectricalTest
from workbench.cost.tiers import HybridYield, hybrid_joined, hybrid_yield, stacks, towers
from workbench.cost.volume import FlowTotals, VolumeCurves, unit_cost_usd, volume_curves
from workbench.cost.wafers import Wafer
from workbench.errors import DomainError
from workbench.i18n import LANGUAGES, t
from workbench.stack import Bond, Design, die_counts
from workbench.stack.derived import carrier_area_mm2

if TYPE_CHECKING:
    from workbench.cost.review import StackDesignReview

MODULE_FLOWS = tuple(flow for flow in FLOWS if flow != "soc")
TEST_CONVENTIONS = ("perfect", "modelled")
BOND_YIELDS = ("yap", "given")
STACK_BONDINGS = tuple(flow.removeprefix("stack_") for flow in STACK_FLOWS)


@dataclass(frozen=True)
class TestEconomics:
    """Whether wafer test pays for itself in a flow: the flow's own cost, with wafer test varied and all else held, the
    test of bonded dies too. Final test is perfect and free here."""

    __test__ = False  # not a test case, whatever its name suggests to pytest

    case: CostCase
    flow: str
    insertion: ElectricalTest

    def at(self, coverage_ratio: float) -> FlowCost:
        """The module with dies tested to this coverage, at the price of the insertion."""
        return self._cost(replace(self.insertion, coverage_ratio=coverage_ratio))

    @cached_property
    def tested(self) -> FlowCost:
        return self._cost(self.insertion)

    @cached_property
    def untested(self) -> FlowCost:
        return self._cost(NONE)

    @cached_property
    def break_even_coverage_ratio(self) -> float | None:
        """The least coverage at which the test pays; None: never at this price.

        The cost of a flow falls monotonically with coverage, so there is at most one crossing.
        """

        def gain(coverage_ratio: float) -> float:
            return float(self.untested.total_usd - self.at(coverage_ratio).total_usd)

        if gain(0.0) >= 0:  # a free test
            return 0.0
        if gain(1.0) < 0:
            return None
        return float(brentq(gain, 0.0, 1.0, xtol=1e-12))

    def as_dict(self) -> dict[str, Any]:
        def plain(module: FlowCost) -> dict[str, float]:
            return {"recurring_usd": float(module.total_usd), "test_usd": float(module.test_usd),
                    "assembly_yield": float(module.assembly_yield)}  # fmt: skip

        return {"tested": plain(self.tested), "untested": plain(self.untested),
                "break_even_coverage_ratio": self.break_even_coverage_ratio}  # fmt: skip

    def varied(self, wafer_test: ElectricalTest) -> Terms:
        """The terms of the flow with this wafer test in place of its own."""
        terms = self.case.terms
        return replace(terms, wafer_test=wafer_test, stack_test=terms.post_bond_test, final_test_usd=0.0)

    def _cost(self, wafer_test: ElectricalTest) -> FlowCost:
        return replace(self.case, terms=self.varied(wafer_test)).recurring(self.flow)


@dataclass(frozen=True)
class DesignCost:
    """Everything known about the cost of one design. `skipped` names the flows left out and why (catalogue keys);
    `conventions` says in words, by language, what each figure means; `excluded` what is missing from all of them."""

    design: Design
    case: CostCase
    flows: tuple[FlowCost, ...]
    skipped: Mapping[str, str]
    nre: Mapping[str, NreCost]
    quantity: int
    stacks: Mapping[str, tuple[BuiltStack, ...]]
    hybrid: Mapping[str, Mapping[str, HybridYield]]
    curves: VolumeCurves | None
    test: TestEconomics | None
    conventions: tuple[dict[str, str], ...]
    excluded: tuple[dict[str, str], ...]
    verified: bool
    stack_flow: str

    @property
    def is_stacked(self) -> bool:
        """Whether any die is bonded onto another."""
        return bool(self.case.stacks)

    @property
    def best(self) -> FlowCost | None:
        """The module flow of lowest recurring cost; of a stacked design, the cheapest way to bond it."""
        wanted = STACK_FLOWS if self.is_stacked else MODULE_FLOWS
        return min((f for f in self.flows if f.flow in wanted), key=lambda f: float(f.total_usd), default=None)

    @property
    def drawn(self) -> FlowCost | None:
        """The flow the design is made by: its stack bonding where it is stacked, else the flow it names."""
        wanted = self.stack_flow if self.is_stacked else self.design.flow
        return next((f for f in self.flows if f.flow == wanted), None)

    @property
    def shown(self) -> FlowCost | None:
        """The flow whose details are shown: as drawn, else the cheapest."""
        return self.drawn or self.best

    def unit_usd(self, flow: str, quantity: float | None = None) -> float:
        """Cost per good module with its share of the NRE, at `quantity` (default: the one asked for)."""
        cost = next(f for f in self.flows if f.flow == flow)
        nre = self.nre[flow].total_usd
        count = self.quantity if quantity is None else quantity
        return float(unit_cost_usd(recurring_usd=cost.total_usd, nre_usd=nre, quantity=count))

    @cached_property
    def swings(self) -> tuple[Swing, ...]:
        """The tornado of the flow shown, computed when first asked for."""
        return tornado(self.case, self.shown.flow) if self.shown else ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        shown = self.shown
        return {
            "flows": [
                {
                    "flow": f.flow,
                    "recurring_usd": float(f.total_usd),
                    "parts": {part: float(getattr(f, part)) for part in f.PARTS},
                    "assembly_yield": float(f.assembly_yield),
                    "nre_usd": self.nre[f.flow].total_usd,
                    "nre_parts": {part: getattr(self.nre[f.flow], part) for part in NreCost.PARTS},
                    "unit_usd": self.unit_usd(f.flow),
                }
                for f in self.flows
            ],
            "skipped": dict(self.skipped),
            "quantity": self.quantity,
            "drawn": self.drawn.flow if self.drawn else None,
            "cheapest": self.best.flow if self.best else None,
            "break_even": [vars(b) for b in self.curves.crossings] if self.curves else [],
            "sensitivity": {"flow": shown.flow if shown else None, "swings": [vars(s) for s in self.swings]},
            "stacks": {
                flow: [[vars(step) for step in one.steps] for one in built] for flow, built in self.stacks.items()
            },
            "hybrid_bonds": {
                flow: {die: vars(y) | {"bond_yield": y.bond_yield} for die, y in found.items()}
                for flow, found in self.hybrid.items()
            },
            "test": self.test.as_dict() if self.test else None,
            "verified": self.verified,
            "conventions": list(self.conventions),
            "excluded": list(self.excluded),
        }


def of_design(design: Design, p: StackDesignReview) -> DesignCost:
    """Cost of a design in every flow that fits it, under the parameters.

    A stacked design is priced as the stack it is (three ways of bonding) and, for comparison, as the same dies side by
    side. A flow outside the model's range is left out with a reason. Pure; no error for a readable design.
    """
    counts = die_counts(design)
    placed = [die for die in design.dies if die.id in counts]
    chips = {
        die.id: Chip(die.name, die.area_mm2, die.node_nm, counts[die.id],
                     p.bought_in_price_usd if die.node_nm is None else 0.0)
        for die in placed
    }  # fmt: skip
    terms = terms_of(p, carrier_area_mm2(design))
    table = chiplet_actuary()
    process = process_of(p)
    hybrid = {f"stack_{bonding}": _hybrid(design, bonding, terms.wafer) for bonding in STACK_BONDINGS}
    modelled = {
        flow: {joint: one for joint, one in found.items() if one is not None} for flow, found in hybrid.items()
    } if p.hybrid_bond_yield == "yap" else {}  # fmt: skip
    standing = towers(design)
    groups = {}
    if any(len(tower.tiers) > 1 for tower in standing):
        groups = {flow: stacks(design, standing, chips, hybrid=modelled.get(flow)) for flow in STACK_FLOWS}
    case = CostCase(
        chips=tuple(chips.values()), stacks=groups, terms=terms, table=table, process=process,
        carrier=design.flow or {"interposer": "si_interposer", "fan_out": "fan_out_last"}.get(design.carrier, "mcm"),
        post_bond_test=p.post_bond_test, d2d_area_ratio=p.d2d_area_ratio, test_hardware_usd=p.test_hardware_usd,
    )  # fmt: skip
    flows, skipped = case.flows()
    nre = {f.flow: case.nre(f.flow) for f in flows}
    totals = tuple(FlowTotals(f.flow, float(f.total_usd), nre[f.flow].total_usd) for f in flows)
    result = DesignCost(
        design=design, case=case, flows=flows, skipped=skipped, nre=nre, quantity=p.module_quantity,
        stacks={f.flow: case.stacked(f.flow)[1] for f in flows if f.flow in STACK_FLOWS},
        hybrid={flow: found for flow, every in hybrid.items() if groups and (found := _by_die(every))},
        curves=volume_curves(totals) if totals else None,
        test=None, conventions=_conventions(p, case, hybrid, design), excluded=_excluded(p, case),
        verified=_verified(design, case), stack_flow=f"stack_{p.stack_bonding}",
    )  # fmt: skip
    return replace(result, test=_test(result, p))


def terms_of(p: StackDesignReview, drawn_mm2: float) -> Terms:
    """The terms that the parameters set; `drawn_mm2` is the area of the carrier as drawn."""
    modelled = p.test_convention == "modelled"
    wafer_test = ElectricalTest(p.test_coverage_ratio, p.wafer_test_time_s, p.tester_usd_per_h)
    return Terms(
        wafer=Wafer(p.wafer_diameter_mm, p.edge_exclusion_mm, p.scribe_mm),
        model=p.yield_model,
        cluster_count=p.cluster_count,
        layer_count=p.critical_layer_count,
        bump_convention=p.bump_convention,
        defect_ratio=p.defect_ratio,
        carrier_area_mm2=drawn_mm2 if p.carrier_area == "drawn" else None,
        wafer_test=wafer_test if modelled else PERFECT,
        final_test_usd=p.final_test_time_s / 3600 * p.tester_usd_per_h if modelled else 0.0,
    )


def process_of(p: StackDesignReview) -> StackProcess:
    """The stacking process with the yields that the parameters set."""
    return replace(
        stack_process(), die_bond_yield=p.bond_yield_ratio, wafer_bond_yield=p.bond_yield_ratio,
        tsv_failure_ratio=p.tsv_failure_ppm * 1e-6, tsv_group_count=p.tsv_group_count,
        tsv_spare_count=p.tsv_spare_count,
    )  # fmt: skip


def _hybrid(design: Design, bonding: str, wafer: Wafer) -> dict[tuple[str, Bond], HybridYield | None]:
    """Modelled yield of every die that a hybrid bond joins downwards, by die id and bond. None where the model says
    nothing: pitch or pads not given or, wafer to wafer, a die of which none lies whole on the wafer.
    """
    found: dict[tuple[str, Bond], HybridYield | None] = {}
    for die_id, bond in hybrid_joined(design):
        die = design.die(die_id)
        found[die_id, bond] = None
        if bond.pitch_um is None or bond.diameter_um is None:
            continue
        try:
            found[die_id, bond] = hybrid_yield(
                pitch_um=bond.pitch_um, pad_diameter_um=bond.diameter_um, width_mm=die.width_mm,
                length_mm=die.length_mm, particle_density_per_um2=particle_density_per_um2(),
                wafer=wafer if bonding == "w2w" else None,
            )  # fmt: skip
        except DomainError as why:
            if why.rule != "cost.die_too_large":
                raise
    return found


def _by_die(found: Mapping[tuple[str, Bond], HybridYield | None]) -> dict[str, HybridYield]:
    """The modelled yields by die id; of a die that is joined in several ways the worst."""
    worst: dict[str, HybridYield] = {}
    for (die_id, _), one in found.items():
        if one is not None and (die_id not in worst or one.bond_yield < worst[die_id].bond_yield):
            worst[die_id] = one
    return worst


def _test(cost: DesignCost, p: StackDesignReview) -> TestEconomics | None:
    """Wafer test at the parameters' coverage, time and price in the flow shown; None where no die of it is tested."""
    shown = cost.shown
    if shown is None or not cost.case.tests_wafers(shown.flow):
        return None
    insertion = ElectricalTest(p.test_coverage_ratio, p.wafer_test_time_s, p.tester_usd_per_h)
    return TestEconomics(cost.case, shown.flow, insertion)


def _verified(design: Design, case: CostCase) -> bool:
    sizes = all(die.is_verified("width_mm") and die.is_verified("length_mm") for die in design.dies)
    nodes = [case.table.node(chip.node_nm) for chip in case.chips if case.table.has_node(chip.node_nm)]
    stacked = not case.stacks or not case.process.unverified
    return sizes and stacked and all(node.verified and exact for node, exact in nodes)


def _words(key: str, **values: object) -> dict[str, str]:
    return {lang: t(key, lang, **values) for lang in LANGUAGES}


def _conventions(p: StackDesignReview, case: CostCase, hybrid: Mapping[str, Mapping], design: Design
                 ) -> tuple[dict[str, str], ...]:  # fmt: skip
    said = [
        _words("cost.convention.prices", source=case.table.source),
        _words(f"cost.bumps.{p.bump_convention}"),
        _words(f"cost.carrier.{p.carrier_area}"),
        _words("cost.convention.area"),
        _words(f"cost.tests.{p.test_convention}", coverage=f"{100 * p.test_coverage_ratio:g}",
               wafer=f"{p.wafer_test_time_s:g}", final=f"{p.final_test_time_s:g}", rate=f"{p.tester_usd_per_h:g}"),
        _words("cost.convention.nre"),
    ]  # fmt: skip
    if case.terms.wafer.diameter_mm != case.table.wafer.diameter_mm:
        said.append(_words("cost.convention.wafer_price"))
    if p.d2d_area_ratio:
        said.append(_words("cost.convention.d2d", percent=f"{100 * p.d2d_area_ratio:g}"))
    if case.stacks:
        said.append(_words("cost.convention.stack", source=case.process.source))
        said.append(_words(f"cost.post_bond.{p.post_bond_test}"))
        said.append(_words(f"cost.bond.{p.hybrid_bond_yield}", percent=f"{100 * p.bond_yield_ratio:g}"))
        for flow, found in hybrid.items() if p.hybrid_bond_yield == "yap" else ():
            names = ", ".join(dict.fromkeys(design.die(die).name for (die, _), one in found.items() if one is None))
            if names:
                said.append({
                    lang: t("cost.bond.not_modelled", lang, names=names, flow=t(f"design.flow.{flow}", lang),
                            percent=f"{100 * p.bond_yield_ratio:g}")
                    for lang in LANGUAGES
                })  # fmt: skip
        said.append(_words("cost.convention.vias", ppm=f"{p.tsv_failure_ppm:g}", spares=p.tsv_spare_count,
                           group=p.tsv_group_count))  # fmt: skip
    return tuple(said)


def _excluded(p: StackDesignReview, case: CostCase) -> tuple[dict[str, str], ...]:
    said = [_words("cost.excluded.always")]
    names = ", ".join(chip.name for chip in case.chips if chip.node_nm is None)
    if names:
        said.append(
            _words("cost.excluded.bought_in", names=names) if p.bought_in_price_usd == 0 else
            _words("cost.included.bought_in", names=names, price=f"{p.bought_in_price_usd:g}")
        )  # fmt: skip
    if p.test_hardware_usd == 0:
        said.append(_words("cost.excluded.test_hardware"))
    if case.stacks:
        said.append(_words("cost.excluded.stack"))
    return tuple(said)
