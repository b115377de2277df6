"""Floorplans: legal by the document's own geometry, as good as exhaustive search where that is possible, and bounds
that no legal floorplan undercuts."""

from __future__ import annotations

import configparser
import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import DomainError, InputError
from workbench.planning.floorplan import KeepOut, floorplan, wires_of
from workbench.planning.floorplan_bound import bound, touching_bound_mm
from workbench.planning.floorplan_shapes import Site, is_legal, wirelength_mm
from workbench.stack import Design, Die, Layer, Net, Pin, Placement, geometry, read

TOLERANCE_MM = 1e-6


def module(sizes: list[tuple[float, float]], field: tuple[float, float], *, angles: tuple[float, ...] = (),
           power_w: tuple[float, ...] = (), netlist: tuple[Net, ...] = ()) -> Design:  # fmt: skip
    """Dies U0, U1 ... in a row, in a layer of their own within a body that has room for the row."""
    n, most = len(sizes), max(max(size) for size in sizes) * 1.5
    dies = tuple(Die(id=f"d{k}", name=f"d{k}", width_mm=w, length_mm=h, thickness_um=100.0,
                     power_w=power_w[k] if power_w else 0.0) for k, (w, h) in enumerate(sizes))  # fmt: skip
    places = tuple(Placement(name=f"U{k}", die=f"d{k}", x_mm=(k - (n - 1) / 2) * most,
                             angle_deg=angles[k] if angles else 0.0) for k in range(n))  # fmt: skip
    body = (max(n * most, field[0]), max(most, field[1]))
    layers = (
        Layer(name="carrier", kind="interposer", material="silicon", thickness_um=100.0, width_mm=field[0],
              length_mm=field[1]),
        Layer(name="tier", kind="die", material="emc", thickness_um=100.0, dies=places),
    )  # fmt: skip
    return Design(title="case", assembly="single" if n == 1 else "side_by_side", carrier="interposer",
                  width_mm=body[0], length_mm=body[1], dies=dies, layers=layers, netlist=netlist)  # fmt: skip


def assert_legal(design: Design, field: tuple[float, float], gap_mm: float, keep_outs: tuple[KeepOut, ...] = ()):
    layer = design.die_layers[0]
    drawn = geometry.outlines(design, layer)
    assert not geometry.outside(drawn, *field, TOLERANCE_MM).size
    _, gaps = geometry.gaps(drawn)
    assert (gaps >= gap_mm - TOLERANCE_MM).all()
    for out in keep_outs:
        blocked = geometry.rectangle(x_mm=out.x_mm, y_mm=out.y_mm, width_mm=out.width_mm, length_mm=out.length_mm)
        assert all(geometry.gap_mm(die, blocked) >= -TOLERANCE_MM for die in drawn)


# Optima that follow by hand. Gap 1, field 100 x 100 unless said otherwise.
EXACT = [
    ("two squares touch", [(4, 4)] * 2, {(0, 1): 3}, "fixed", 3 * 5.0),
    ("two bars lie side by side", [(2, 10)] * 2, {(0, 1): 1}, "fixed", 3.0),
    ("a turned bar comes closer", [(10, 2), (2, 10)], {(0, 1): 1}, "quarter", 3.0),
    ("turned as given they cannot", [(10, 2), (2, 10)], {(0, 1): 1}, "fixed", 7.0),
    ("four around one", [(4, 4)] * 5, {(0, k): 1 for k in range(1, 5)}, "fixed", 4 * 5.0),
    # Two that share a side are 5 apart along it, 2.5 + 2.5 more; a fifth in a corner is 5 + 5 away.
    ("a fifth neighbour is pushed out", [(4, 4)] * 6, {(0, k): 1 for k in range(1, 6)}, "fixed", 5 * 5.0 + 5.0),
    ("a ring of four", [(4, 4)] * 4, {(0, 1): 1, (1, 2): 1, (2, 3): 1, (0, 3): 1}, "fixed", 4 * 5.0),
    ("a chain of three", [(4, 4)] * 3, {(0, 1): 2, (1, 2): 7}, "fixed", 9 * 5.0),
]


@pytest.mark.parametrize(("sizes", "wires", "angles", "optimum_mm"), [row[1:] for row in EXACT],
                         ids=[row[0] for row in EXACT])  # fmt: skip
def test_exact_optima(sizes, wires, angles, optimum_mm):
    named = {(f"U{i}", f"U{j}"): count for (i, j), count in wires.items()}
    effort = "quick" if len(sizes) < 6 else "normal"
    found = floorplan(module(sizes, (100.0, 100.0)), named, gap_mm=1.0, angles=angles, effort=effort)
    assert_legal(found.design, (100.0, 100.0), 1.0)
    assert found.wirelength_mm == pytest.approx(optimum_mm, abs=1e-6)
    assert found.bound_mm == pytest.approx(optimum_mm, rel=1e-5)
    assert found.bound_mm <= optimum_mm
    assert found.is_proven_best


def exhaustive_mm(sizes: list[tuple[int, int]], wires: np.ndarray, field: int, out: tuple[int, int, int, int]) -> float:
    """The least wirelength of three dies on the grid of whole mm, every place tried; infinite where none is legal.

    With even sizes, a gap of 0 and fixed angles that is the optimum: for given sides of the pairs the programme has
    whole limits and a totally unimodular matrix.
    """
    places = []
    for width, length in sizes:
        x, y = np.meshgrid(np.arange(-field, field + 1), np.arange(-field, field + 1))
        spot = np.stack([x.ravel(), y.ravel()], 1)
        inside = (2 * np.abs(spot[:, 0]) + width <= field) & (2 * np.abs(spot[:, 1]) + length <= field)
        away = 2 * np.abs(spot - out[:2])
        places.append(spot[inside & ((away[:, 0] >= width + out[2]) | (away[:, 1] >= length + out[3]))])

    def pair(i: int, j: int) -> np.ndarray:
        away = np.abs(places[i][:, None] - places[j][None])
        legal = (2 * away[..., 0] >= sizes[i][0] + sizes[j][0]) | (2 * away[..., 1] >= sizes[i][1] + sizes[j][1])
        return np.where(legal, wires[i, j] * away.sum(-1), np.inf)

    first, second, third = pair(0, 1), pair(0, 2), pair(1, 2)
    return min((float((a[:, None] + b[None] + third).min(initial=np.inf)) for a, b in zip(first, second, strict=True)),
               default=np.inf)  # fmt: skip


even = st.sampled_from([2, 4, 6])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.tuples(*[st.tuples(even, even)] * 3), st.tuples(*[st.integers(0, 5)] * 3), st.sampled_from([8, 10, 12]),
       st.tuples(st.integers(-3, 3), st.integers(-3, 3), even, even))  # fmt: skip
def test_three_dies_against_every_place(sizes, counts, field, out):
    wires = np.zeros((3, 3))
    for (i, j), count in zip(((0, 1), (0, 2), (1, 2)), counts, strict=True):
        wires[i, j] = wires[j, i] = count
    optimum_mm = exhaustive_mm(sizes, wires, field, out)
    design = module([(float(w), float(h)) for w, h in sizes], (float(field), float(field)))
    named = {(f"U{i}", f"U{j}"): wires[i, j] for i, j in ((0, 1), (0, 2), (1, 2))}
    keep_outs = (KeepOut(*map(float, out)),)
    if not np.isfinite(optimum_mm):
        with pytest.raises(DomainError) as refused:
            floorplan(design, named, gap_mm=0.0, keep_outs=keep_outs, effort="quick")
        assert refused.value.rule in ("planning.floorplan_not_found", "planning.floorplan_area")
        return
    found = floorplan(design, named, gap_mm=0.0, keep_outs=keep_outs, effort="quick")
    assert_legal(found.design, (field, field), 0.0, keep_outs)
    assert found.wirelength_mm == pytest.approx(optimum_mm, abs=1e-6)
    assert found.bound_mm <= optimum_mm
    assert found.bound_mm >= optimum_mm * (1 - 1e-4)  # three dies: the programme ends


# --- the bound -------------------------------------------------------------------------------------------------------


def scattered(dice: np.random.Generator, n: int, angles: str) -> tuple[Site, np.ndarray, np.ndarray]:
    """A site with a legal placement of its own: dies in a loose row, turned as the site allows."""
    width, length = dice.uniform(1, 6, n), dice.uniform(1, 6, n)
    wires = np.triu(dice.integers(0, 4, (n, n)) * dice.integers(0, 2, (n, n)), 1).astype(float)
    base = dice.choice([0.0, 90.0, 30.0, 17.5], n)
    keep_outs = np.array([[2.0, -1.0, 3.0, 4.0]]) if dice.random() < 0.5 else np.empty((0, 4))
    site = Site(tuple(f"U{k}" for k in range(n)), width, length, base, np.ones(n), wires + wires.T, (30.0 * n, 40.0),
                float(dice.uniform(0, 1)), keep_outs, angles)  # fmt: skip
    turned = base + {"fixed": 0.0, "quarter": dice.choice([0.0, 90.0], n), "free": dice.uniform(0, 90, n)}[angles]
    return site, np.stack([10.0 * np.arange(n) + 10.0 - 5.0 * n, np.full(n, 10.0)], 1), turned


@pytest.mark.parametrize("angles", ["fixed", "quarter", "free"])
@pytest.mark.parametrize("seed", range(8))
def test_no_legal_floorplan_is_shorter_than_the_bound(angles, seed):
    """Dies shaken closer and closer by accepting every legal step that shortens the wires: none passes the bound."""
    dice = np.random.default_rng(seed)
    n = 3 + seed % 3
    site, xy, turned = scattered(dice, n, angles)
    assert is_legal(site, xy, turned, TOLERANCE_MM)
    below_mm = bound(site, xy, nodes=400, progress=lambda share: None).wirelength_mm
    assert below_mm >= touching_bound_mm(site)
    length_mm = wirelength_mm(site, xy)
    for step in range(800):
        die = dice.integers(n)
        tried, angle = xy.copy(), turned.copy()
        tried[die] += dice.normal(0, 3.0 * 0.993**step + 1e-3, 2)
        if angles == "free":
            angle[die] += dice.normal(0, 20)
        elif angles == "quarter" and dice.random() < 0.3:
            angle[die] += 90
        shorter_mm = wirelength_mm(site, tried)
        if shorter_mm <= length_mm and is_legal(site, tried, angle, TOLERANCE_MM):
            xy, turned, length_mm = tried, angle, shorter_mm
        assert length_mm >= below_mm


def test_groups_of_wires_bound_larger_systems():
    """A ring of twelve squares closes at touching distance: each wire is bounded once, none twice."""
    named = {(f"U{k}", f"U{(k + 1) % 12}"): 2.0 for k in range(12)}
    found = floorplan(module([(4, 4)] * 12, (60.0, 60.0)), named, gap_mm=1.0, effort="quick")
    assert found.bound_mm == pytest.approx(24 * 5.0, rel=1e-5)
    assert found.wirelength_mm == pytest.approx(24 * 5.0, rel=0.1)


# --- angles, keep-outs, heat -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("angles", ["fixed", "quarter", "free"])
def test_dies_at_any_angle_stay_legal(angles):
    design = module([(6, 3), (4, 4), (5, 2)], (24.0, 20.0), angles=(30.0, 0.0, 100.0))
    keep_outs = (KeepOut(0.0, 0.0, 3.0, 3.0),)
    found = floorplan(design, {("U0", "U1"): 4, ("U1", "U2"): 1}, gap_mm=0.5, angles=angles, keep_outs=keep_outs,
                      effort="quick")  # fmt: skip
    assert_legal(found.design, (24.0, 20.0), 0.5, keep_outs)
    assert found.bound_mm <= found.wirelength_mm < found.given_wirelength_mm
    turned = [p.angle_deg - q.angle_deg for p, q in zip(found.design.placements, design.placements, strict=True)]
    if angles != "free":
        assert set(turned) <= ({0.0} if angles == "fixed" else {0.0, 90.0})


def test_quarter_turns_bring_bars_closer():
    design = module([(10, 2), (2, 10), (8, 3), (3, 3)], (40.0, 40.0))
    wires = dict.fromkeys(itertools.combinations(("U0", "U1", "U2", "U3"), 2), 1.0)
    fixed, turned = (
        floorplan(design, wires, gap_mm=0.2, angles=angles, effort="quick") for angles in ("fixed", "quarter")
    )
    assert turned.wirelength_mm < fixed.bound_mm


def test_heat_pushes_hot_dies_apart():
    design = module([(5, 5)] * 4, (40.0, 40.0), power_w=(100.0, 100.0, 1.0, 0.0))
    wires = {("U0", "U1"): 1, ("U1", "U2"): 1, ("U2", "U3"): 1}
    short, cool = (
        floorplan(design, wires, gap_mm=0.5, thermal_weight=weight, effort="quick") for weight in (0.0, 20.0)
    )
    assert cool.spread_mm > 2 * short.spread_mm
    assert cool.wirelength_mm > short.wirelength_mm
    assert cool.bound_mm <= short.wirelength_mm
    assert_legal(cool.design, (40.0, 40.0), 0.5)


def test_the_spread_of_two_dies_is_their_distance():
    found = floorplan(module([(4, 4)] * 3, (40.0, 40.0), power_w=(5.0, 7.0, 0.0)), {("U0", "U1"): 1}, gap_mm=1.0,
                      effort="quick")  # fmt: skip
    assert found.spread_mm == pytest.approx(5.0)
    assert (
        floorplan(module([(4, 4)] * 2, (40.0, 40.0)), {("U0", "U1"): 1}, gap_mm=1.0, effort="quick").spread_mm is None
    )


def test_equal_seeds_give_equal_floorplans_and_progress_rises():
    design = module([(5, 3), (4, 4), (2, 6), (3, 3), (6, 2)], (20.0, 20.0))
    wires = {("U0", "U1"): 3, ("U1", "U2"): 1, ("U2", "U3"): 2, ("U3", "U4"): 2, ("U0", "U4"): 1}
    seen: list[tuple[float, str]] = []
    first = floorplan(design, wires, gap_mm=0.3, angles="quarter", seed=7, effort="quick",
                      progress=lambda share, step: seen.append((share, step)))  # fmt: skip
    again = floorplan(design, wires, gap_mm=0.3, angles="quarter", seed=7, effort="quick")
    assert first == again
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert (shares[-1], {step for _, step in seen}) == (1.0, {"search", "bound"})


def test_a_tight_field_is_filled_exactly():
    """Nine squares of 10 with gaps of 1 into a field of 32: only the square grid fits."""
    names = [f"U{k}" for k in range(9)]
    wires = dict.fromkeys(itertools.pairwise(names), 1)
    found = floorplan(module([(10, 10)] * 9, (32.0, 32.0)), wires, gap_mm=1.0, effort="quick")
    assert_legal(found.design, (32.0, 32.0), 1.0)
    assert sorted({p.x_mm for p in found.design.placements}) == [-11.0, 0.0, 11.0]
    assert found.bound_mm == pytest.approx(8 * 11.0, rel=1e-5)


def test_one_die_lies_in_the_middle_and_needs_no_wires():
    found = floorplan(module([(10, 4)], (40.0, 40.0)), {}, gap_mm=1.0)
    assert (found.wirelength_mm, found.bound_mm, found.gap_to_bound, found.is_proven_best) == (0.0, 0.0, 0.0, True)


def test_arrays_open_and_other_layers_stay():
    design = module([(4, 4), (3, 3)], (60.0, 60.0))
    carrier, tier = design.layers
    array = tier.dies[1].model_copy(
        update={"x_mm": 20.0, "columns": 2, "rows": 2, "pitch_x_mm": 5.0, "pitch_y_mm": 5.0}
    )
    layers = (carrier, tier.model_copy(update={"dies": (tier.dies[0], array)}))
    design = design.model_copy(update={"layers": layers})
    wires = {("U0", f"U1[{column},{row}]"): 1 for column in (0, 1) for row in (0, 1)}
    found = floorplan(design, wires, gap_mm=0.5, effort="quick")
    assert [p.name for p in found.design.placements] == [p.name for p in design.placements]
    assert found.wirelength_mm == pytest.approx(4 * 4.0)
    assert found.design.layers[0] == carrier


def test_wires_by_the_netlist():
    pins = [("a", "U0 U1"), ("b", "U0 U1"), ("c", "U0 U1 U2"), ("d", "U2"), ("e", "U2 carrier")]
    netlist = tuple(
        Net(name=name, pins=tuple(Pin(part=part, port="p") for part in parts.split())) for name, parts in pins
    )
    counted = wires_of(module([(4, 4)] * 3, (60.0, 60.0), netlist=netlist))
    assert counted == pytest.approx({("U0", "U1"): 2 + 2 / 3, ("U0", "U2"): 2 / 3, ("U1", "U2"): 2 / 3})


# --- refusals --------------------------------------------------------------------------------------------------------

BASE = {"gap_mm": 1.0, "effort": "quick"}
REFUSED = [
    ("floorplan_layer", {"layer": "carrier"}, {}),
    ("floorplan_option", {"gap_mm": -1.0}, {}),
    ("floorplan_option", {"gap_mm": float("nan")}, {}),
    ("floorplan_option", {"angles": "any"}, {}),
    ("floorplan_option", {"effort": "endless"}, {}),
    ("floorplan_option", {"thermal_weight": -1.0}, {}),
    ("floorplan_option", {"keep_outs": (KeepOut(0.0, 0.0, 0.0, 1.0),)}, {}),
    ("floorplan_wire_end", {}, {("U0", "U9"): 1}),
    ("floorplan_wire_count", {}, {("U0", "U1"): -1}),
    ("floorplan_wire_count", {}, {("U0", "U0"): 1}),
    ("floorplan_wire_count", {}, {("U0", "U1"): 1, ("U1", "U0"): 2}),
    ("floorplan_wire_count", {}, {("U0", "U1"): float("inf")}),
]


@pytest.mark.parametrize(("rule", "options", "wires"), REFUSED)
def test_refusals(rule, options, wires):
    with pytest.raises(InputError) as refused:
        floorplan(module([(4, 4)] * 2, (30.0, 30.0)), wires, **{**BASE, **options})
    assert refused.value.rule == f"planning.{rule}"


@pytest.mark.parametrize(
    ("rule", "sizes", "field", "angles", "named"),
    [
        ("floorplan_die_too_large", [(4, 4), (12, 3)], (10.0, 14.0), "fixed", "U1"),
        ("floorplan_die_too_large", [(4, 4), (16, 3)], (10.0, 14.0), "quarter", "U1"),
        ("floorplan_die_too_large", [(4, 4), (18, 3)], (10.0, 14.0), "free", "U1"),
        ("floorplan_area", [(6, 6)] * 4, (12.0, 12.0), "free", "U0, U1, U2, U3"),  # 144 mm2, but gaps of 1
        ("floorplan_not_found", [(6, 6)] * 3, (12.5, 12.5), "fixed", "U0, U1, U2"),  # the area would do
    ],
)
def test_dies_that_cannot_fit_are_named(rule, sizes, field, angles, named):
    with pytest.raises(DomainError) as refused:
        floorplan(module(sizes, field), {}, angles=angles, **BASE)
    assert (refused.value.rule, refused.value.where) == (f"planning.{rule}", named)


# --- published systems -----------------------------------------------------------------------------------------------


def test_the_systems_of_tap25d(corpus, root):
    """The project's counts of wires are those of the published files, and each floorplan beats the placement that
    the project's own design of the system has."""
    files = corpus / "tap25d"
    if not files.is_dir():
        pytest.skip(f"the systems of TAP-2.5D are absent ({files})")
    for system in json.loads((root / "data/planning/tap25d_wires.json").read_text("utf-8"))["systems"]:
        published = configparser.ConfigParser()
        published.read(files / system["source"].split(",")[0].split("/")[1])
        rows = published["chiplets"]["connections"].split(";")
        matrix = np.array([[float(count) for count in row.split(",")] for row in rows])
        design = read(json.loads((root / f"data/designs/{system['design']}.json").read_text("utf-8")))
        names = [p.name for p in design.placements]
        wires = {(a, b): count for a, b, count in system["wires"]}
        assert np.array_equal([[wires.get((a, b), wires.get((b, a), 0)) for b in names] for a in names], matrix)
        found = floorplan(design, wires, gap_mm=0.1, angles="quarter", effort="quick")
        side = float(published["interposer"]["intp_size"].split()[0])
        assert_legal(found.design, (side, side), 0.1)
        assert found.bound_mm <= found.wirelength_mm < found.given_wirelength_mm
