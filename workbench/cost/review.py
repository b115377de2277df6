"""The study of a stack: does it keep the known limits, how many dies does a wafer give, what does a module cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from workbench.cost.assembly import BUMP_CONVENTIONS, Chip, FlowCost, Terms, chip_cost
from workbench.cost.case import CostCase
from workbench.cost.economics import BOND_YIELDS, STACK_BONDINGS, TEST_CONVENTIONS, DesignCost, of_design
from workbench.cost.hybrid_bond import overlay_limit_nm, particle_yield
from workbench.cost.overlay import particle_density_per_um2
from workbench.cost.parameters import chiplet_actuary, tester_usd_per_h
from workbench.cost.stacking import POST_BOND_TESTS
from workbench.cost.wafers import WaferGrid, best_grid, countable
from workbench.cost.yield_models import MODELS, die_yield, williams_brown
from workbench.i18n import LANGUAGES, t
from workbench.rules import CheckReport, Deck, Finding, Requirements, check
from workbench.rules.findings import number as number
from workbench.schema import Figure, Parameters, Summary, choice, quantity
from workbench.schema.summary import shown
from workbench.stack import Derived, Design, Level, derive, levels, read


class StackDesignReview(Parameters):
    """Stack design review: geometry against known limits, dies per wafer, yield and cost by assembly flow."""

    design_id: str = choice("Design", "設計", of="design", default="poc-face-to-face")
    wafer_diameter_mm: float = quantity("Wafer diameter", "晶圓直徑", ge=100, le=450, default=300)
    edge_exclusion_mm: float = quantity("Edge exclusion", "晶圓邊緣排除寬度", ge=0, le=20, default=5)
    scribe_mm: float = quantity("Scribe line", "切割道寬度", ge=0, le=1, default=0.2)
    yield_model: str = choice("Yield model", "良率模型", options=tuple(MODELS), default="negative_binomial")
    cluster_count: float = quantity(
        "Cluster parameter", "缺陷群聚參數", gt=0, le=1000, default=10,
        help_en="Of the negative binomial model; large = Poisson", help_zh="負二項模型之參數；越大越接近 Poisson",
    )  # fmt: skip
    defect_ratio: float = quantity(
        "Defect density, times the table", "缺陷密度（表列值之倍數）", ge=0, le=20, default=1
    )
    test_coverage_ratio: float = quantity("Wafer test coverage", "晶圓測試涵蓋率", ge=0, le=1, default=0.99)
    bump_convention: str = choice(
        "Micro-bump cost counted", "微凸塊成本計算方式", options=BUMP_CONVENTIONS, default="per_chip",
        help_en="per_type: once per chip type, as Chiplet Actuary does",
        help_zh="per_type：每種晶粒只計一次（Chiplet Actuary 之方式）",
    )  # fmt: skip
    carrier_area: str = choice(
        "Carrier area", "載體面積", options=("scaled", "drawn"), default="scaled",
        help_en="scaled: silicon area times the source's factor; drawn: as in the design",
        help_zh="scaled：矽面積乘以來源係數；drawn：依設計繪製之尺寸",
    )  # fmt: skip
    thickness_limit_um: float = quantity("Thickness limit", "厚度上限", gt=0, le=20000, default=3000)
    footprint_limit_mm2: float = quantity(
        "Footprint limit", "面積上限", gt=0, le=100000, default=5460,
        help_en="Default: the largest body read, FOCoS-Bridge 78 x 70 mm",
        help_zh="預設值為所查得最大封裝尺寸 FOCoS-Bridge 78 x 70 mm",
    )  # fmt: skip
    critical_layer_count: int = quantity(
        "Critical layers", "關鍵層數", ge=1, le=200, default=20,
        help_en="Of the Bose-Einstein model, which spreads the defects over them",
        help_zh="Bose-Einstein 模型之參數，缺陷平均分布於各關鍵層",
    )  # fmt: skip
    test_convention: str = choice(
        "Tests in the cost", "成本中的測試", options=TEST_CONVENTIONS, default="perfect",
        help_en="perfect: free and complete, as Chiplet Actuary does; modelled: coverage, time and tester price below",
        help_zh="perfect：免費且完整（Chiplet Actuary 之方式）；modelled：依下列涵蓋率、時間與測試機價格",
    )  # fmt: skip
    wafer_test_time_s: float = quantity("Wafer test time per die", "每顆晶粒測試時間", ge=0, le=36000, default=10)
    final_test_time_s: float = quantity("Final test time per module", "每模組最終測試時間", ge=0, le=36000, default=30)
    tester_usd_per_h: float = quantity(
        "Tester price", "測試機費率", ge=0, le=10000, default=tester_usd_per_h(),
        help_en=f"Default: {tester_usd_per_h() / 3600:g} USD per second (CATCH)",
        help_zh=f"預設值：每秒 {tester_usd_per_h() / 3600:g} USD (CATCH)",
    )  # fmt: skip
    stack_bonding: str = choice("Stack bonded", "堆疊接合方式", options=STACK_BONDINGS, default="d2w")
    post_bond_test: str = choice("Stack tested", "堆疊測試時機", options=POST_BOND_TESTS, default="each_tier")
    hybrid_bond_yield: str = choice(
        "Hybrid bond yield", "混合鍵合良率", options=BOND_YIELDS, default="yap",
        help_en="yap: from pitch, pads and area by the YAP model; given: the bond yield below",
        help_zh="yap：依間距、墊片與面積以 YAP 模型計算；given：採用下列接合良率",
    )  # fmt: skip
    bond_yield_ratio: float = quantity("Bond yield per die", "每顆晶粒接合良率", gt=0, le=1, default=0.99)
    tsv_failure_ppm: float = quantity("TSV failure, each", "單一矽穿孔失效率", ge=0, le=100000, default=1)
    tsv_group_count: int = quantity("TSVs sharing spares", "共用備援之矽穿孔數", ge=1, le=10000, default=4)
    tsv_spare_count: int = quantity("Spare TSVs per group", "每組備援矽穿孔數", ge=0, le=100, default=0)
    d2d_area_ratio: float = quantity(
        "Die-to-die interface share", "晶粒間介面面積比例", ge=0, le=1, default=0,
        help_en="Counted in the die areas; one die needs none (Chiplet Actuary takes 0.1)",
        help_zh="已含於晶粒面積；單晶粒不需要（Chiplet Actuary 取 0.1）",
    )  # fmt: skip
    bought_in_price_usd: float = quantity(
        "Price of a bought-in die", "外購晶粒單價", ge=0, le=1000000, default=0,
        help_en="0: not known, left out of the cost", help_zh="0：未知，不計入成本",
    )  # fmt: skip
    module_quantity: int = quantity("Modules to make", "模組數量", ge=1, le=1000000000, default=100000)
    test_hardware_usd: float = quantity(
        "Test hardware per die type", "每種晶粒之測試硬體", ge=0, le=100000000, default=0,
        help_en="Probe card, socket; 0: not known, left out", help_zh="探針卡、測試座；0：未知，不計入",
    )  # fmt: skip


@dataclass(frozen=True)
class DieRow:
    """One die type of the module: its yield and cost. Costs are None for a bought-in die."""

    chip: Chip
    role: str
    dies_per_wafer: float | None
    grid_count: int | None
    yield_ratio: float | None
    raw_usd: float | None
    known_good_usd: float | None
    escape_ratio: float | None  # bad dies among those that passed wafer test
    defect_density_per_cm2: float | None
    node_is_verified: bool


@dataclass(frozen=True)
class HybridBond:
    """A hybrid-bond layer: the overlay error it forgives, and the share of bonds that particles spare."""

    layer: str
    pitch_um: float
    pad_diameter_um: float
    overlay_limit_nm: float
    particle_yield: float
    verified: bool


@dataclass(frozen=True)
class DefectSweep:
    """Cost of a module by flow against the factor on every defect density. Arrays of one length."""

    ratio: np.ndarray
    total_usd: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class StackReview:
    """Everything the views show."""

    design: Design
    parameters: StackDesignReview
    derived: Derived
    levels: tuple[Level, ...]
    rules: CheckReport
    hybrid_bonds: tuple[HybridBond, ...]
    dies: tuple[DieRow, ...]
    economics: DesignCost
    grid: WaferGrid | None
    grid_die: str | None
    sweep: DefectSweep | None
    yields_by_model: Mapping[str, float]

    @property
    def checks(self) -> tuple[Finding, ...]:
        """Every comparison with a limit, also the met ones."""
        return self.rules.compared

    @property
    def flows(self) -> tuple[FlowCost, ...]:
        """Recurring cost of every flow that could be costed."""
        return self.economics.flows

    @property
    def skipped(self) -> Mapping[str, str]:
        """The flows left out and why (catalogue keys)."""
        return self.economics.skipped

    @property
    def best(self) -> FlowCost | None:
        """The module flow of lowest cost; of a stacked design, the cheapest way to bond it."""
        return self.economics.best

    @property
    def drawn(self) -> FlowCost | None:
        """The flow the design says it is made by, when there is one and it could be costed."""
        return self.economics.drawn

    @property
    def is_stacked(self) -> bool:
        return self.economics.is_stacked

    @property
    def bought_in(self) -> tuple[str, ...]:
        return tuple(row.chip.name for row in self.dies if row.chip.node_nm is None)

    @property
    def cost_is_verified(self) -> bool:
        """Whether every size, node and process figure that the cost rests on was read in a source."""
        return self.economics.verified and all(row.node_is_verified for row in self.dies)

    @cached_property
    def summary(self) -> Summary:
        return _summary(self)


def review(document: Mapping[str, Any], p: StackDesignReview, *, deck: Deck | None = None) -> StackReview:
    """Review the design of a stored document under the parameters; `deck` decides the checks (default: the published
    limits).

    Raises InputError for a document that cannot be read; a flow that is out of its range is left out, with a reason.
    """
    design = read(document)
    derived = derive(design)
    economics = of_design(design, p)
    case = economics.case
    placed = [die for die in design.dies if any(placement.die == die.id for placement in design.placements)]
    rows, grids = [], {}
    for die, chip in zip(placed, case.chips, strict=True):
        if chip.node_nm is not None and countable(case.terms.wafer, width_mm=die.width_mm, length_mm=die.length_mm):
            grids[chip.name] = best_grid(case.terms.wafer, width_mm=die.width_mm, length_mm=die.length_mm)
        known = die.is_verified("node_nm") and die.is_verified("width_mm") and die.is_verified("length_mm")
        rows.append(_die_row(chip, die.role, known, case.terms, grids.get(chip.name), p))
    largest = max((c for c in case.chips if c.name in grids), key=lambda c: c.area_mm2, default=None)
    costed = largest is not None and case.table.has_node(largest.node_nm)
    return StackReview(
        design=design,
        parameters=p,
        derived=derived,
        levels=levels(design),
        rules=check(design, deck, requirements=Requirements(thickness_limit_um=p.thickness_limit_um,
                                                            footprint_limit_mm2=p.footprint_limit_mm2)),
        hybrid_bonds=_hybrid_bonds(design),
        dies=tuple(rows),
        economics=economics,
        grid=grids[largest.name] if largest else None,
        grid_die=largest.name if largest else None,
        sweep=_sweep(case, economics.flows) if economics.flows else None,
        yields_by_model=_yields_by_model(largest, case.terms) if costed else {},
    )  # fmt: skip


def _die_row(chip: Chip, role: str, known: bool, terms: Terms, grid: WaferGrid | None, p: StackDesignReview) -> DieRow:
    if chip.node_nm is None:
        return DieRow(chip, role, None, None, None, None, None, None, None, True)
    if not chiplet_actuary().has_node(chip.node_nm):
        return DieRow(chip, role, None, grid.count if grid else None, None, None, None, None, None, False)
    cost = chip_cost(chip, terms)
    node, exact = chiplet_actuary().node(chip.node_nm)
    return DieRow(
        chip=chip,
        role=role,
        dies_per_wafer=float(cost.dies_per_wafer),
        grid_count=grid.count if grid else None,
        yield_ratio=float(cost.yield_ratio),
        raw_usd=float(cost.raw_usd),
        known_good_usd=float(cost.known_good_usd),
        escape_ratio=float(williams_brown(yield_ratio=cost.yield_ratio, coverage_ratio=p.test_coverage_ratio)),
        defect_density_per_cm2=node.defect_density_per_cm2 * float(np.asarray(terms.defect_ratio)),
        node_is_verified=known and node.verified and exact,
    )


def _hybrid_bonds(design: Design) -> tuple[HybridBond, ...]:
    """Pads of one diameter, over the extent of the bond layer; a layer without pitch or pad is left out."""
    found = []
    for layer in design.layers:
        bond = layer.bond
        if bond and bond.method == "hybrid" and bond.pitch_um and bond.diameter_um:
            radius, (width, length) = bond.diameter_um / 2, design.extent_mm(layer)
            pads = {"bottom_radius_um": radius, "top_radius_um": radius}
            spared = particle_yield(width_um=1000 * width, length_um=1000 * length, top_radius_um=radius,
                                    particle_density_per_um2=particle_density_per_um2())  # fmt: skip
            known = bond.is_verified("pitch_um") and bond.is_verified("diameter_um")
            limit = overlay_limit_nm(pitch_um=bond.pitch_um, **pads)
            found.append(HybridBond(layer.name, bond.pitch_um, bond.diameter_um, limit, spared, known))
    return tuple(found)


def _sweep(case: CostCase, flows: tuple[FlowCost, ...]) -> DefectSweep:
    ratio = np.geomspace(0.25, 4.0, 33)  # relative to the user's own factor, so that 1 is the case reviewed
    terms = replace(case.terms, defect_ratio=ratio * float(np.asarray(case.terms.defect_ratio)))
    wide = replace(case, terms=terms)
    return DefectSweep(ratio, {f.flow: wide.recurring(f.flow).total_usd for f in flows})


def _yields_by_model(chip: Chip, terms: Terms) -> dict[str, float]:
    node, _ = chiplet_actuary().node(chip.node_nm)
    density = node.defect_density_per_cm2 * float(np.asarray(terms.defect_ratio))
    return {
        model: float(die_yield(model, area_mm2=chip.area_mm2, defect_density_per_cm2=density,
                               cluster_count=terms.cluster_count, layer_count=terms.layer_count))
        for model in MODELS
    }  # fmt: skip


def _summary(r: StackReview) -> Summary:
    sizes_known = all(die.is_verified("width_mm") and die.is_verified("length_mm") for die in r.design.dies)
    best, known = r.best, r.cost_is_verified
    figures = [Figure("design.silicon_area", r.derived.silicon_area_mm2, unit="mm²", verified=sizes_known)]
    if best is not None:
        figures.append(Figure("design.module_cost", float(best.total_usd), unit="USD", digits=3, verified=known))
        figures.append(
            Figure("design.assembly_yield", 100 * float(best.assembly_yield), unit="%", digits=3, verified=True)
        )
    else:
        figures.append(Figure("design.total_thickness", r.derived.total_thickness_um, unit="µm", verified=False))
    reasons = [{lang: finding.sentence(lang) for lang in LANGUAGES} for finding in r.rules.findings]
    met = sum(c.outcome == "met" for c in r.checks)
    reasons.append({lang: t("design.reason.met", lang, met=met, all=len(r.checks)) for lang in LANGUAGES})
    if best is not None:
        reasons.append({
            lang: t("design.reason.best", lang, flow=t(f"design.flow.{best.flow}", lang),
                    cost=shown(float(best.total_usd), 3))
            for lang in LANGUAGES
        })  # fmt: skip
    if r.drawn is not None and r.drawn is not best:
        reasons.append({
            lang: t("design.reason.drawn", lang, flow=t(f"design.flow.{r.drawn.flow}", lang),
                    cost=shown(float(r.drawn.total_usd), 3),
                    more=shown(100 * float(r.drawn.total_usd / best.total_usd - 1), 2))
            for lang in LANGUAGES
        })  # fmt: skip
    if r.bought_in and not r.parameters.bought_in_price_usd:
        names = ", ".join(r.bought_in)
        reasons.append({lang: t("design.reason.bought_in", lang, names=names) for lang in LANGUAGES})
    return Summary(r.rules.verdict, r.design.title, tuple(figures), tuple(reasons))
