"""Views of a design's economics: cost against volume, what moves it, a stack tier by tier, NRE, test."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from widgets import theme  # noqa: F401  (registers the look)
from widgets.design.charts import FLOW_COLOURS
from widgets.design.words import Key, both, sentence
from widgets.page import note, picture, say, table
from widgets.theme import COLOURS
from workbench.cost.nre import NreCost
from workbench.cost.review import StackReview, number
from workbench.schema.summary import shown

_BAR_PX = 26
_LABELS = alt.Axis(labelLimit=340, ticks=False, domain=False)


def _none(r: StackReview) -> bool:
    if not r.flows:
        say("design.say.no_cost")
    return not r.flows


def count(value: float) -> str:
    """A quantity for people: three digits and no more (``995,000``)."""
    return shown(float(value), 3)


def volume(r: StackReview) -> None:
    """Cost per module against quantity for each flow, and how far each lies above the cheapest; break-even marked."""
    if _none(r):
        return
    curves, cost = r.economics.curves, r.economics
    lowest = np.min(list(curves.usd.values()), axis=0)
    frame = pd.DataFrame([
        {"flow": both(f"design.flow.{flow}"), "quantity": float(q), "usd": float(y), "above": float(y / low - 1) * 100}
        for flow, usd in curves.usd.items() for q, y, low in zip(curves.quantity, usd, lowest, strict=True)
    ])  # fmt: skip
    names = [both(f"design.flow.{flow}") for flow in curves.usd]
    colour = alt.Color("flow:N", scale=alt.Scale(domain=names, range=[FLOW_COLOURS[f] for f in curves.usd]), title=None,
                       legend=alt.Legend(orient="top", columns=2, labelLimit=320))  # fmt: skip
    ends = [float(curves.quantity[0]), float(curves.quantity[-1])]
    axis = alt.Axis(values=[10**k for k in range(2, 9)], format="~s")
    x = alt.X("quantity:Q", title=both("design.axis.quantity"), axis=axis,
              scale=alt.Scale(type="log", domain=ends, nice=False))  # fmt: skip
    base = alt.Chart(frame)
    top = base.mark_line().encode(
        x=alt.X("quantity:Q", title=None, axis=alt.Axis(values=axis.values, labels=False),
                scale=alt.Scale(type="log", domain=ends, nice=False)),
        y=alt.Y("usd:Q", title=both("design.axis.unit_cost", "USD"), scale=alt.Scale(type="log"),
                axis=alt.Axis(format="~s", tickCount=6)),
        color=colour,
    )  # fmt: skip
    asked = pd.DataFrame({"quantity": [float(cost.quantity)]})
    rule = alt.Chart(asked).mark_rule(strokeDash=[4, 3]).encode(x=x)
    highest = float(frame["above"].clip(upper=200).max())
    below = base.transform_filter(alt.datum.above <= highest * 1.0001).mark_line().encode(
        x=x, y=alt.Y("above:Q", title=both("design.axis.above_cheapest", "%"), scale=alt.Scale(domainMin=0)),
        color=colour,
    )  # fmt: skip
    layers_top, layers_below = [rule, top], [rule, below]
    inside = [b for b in curves.crossings if ends[0] <= b.quantity <= ends[1]]
    if inside:
        marks = pd.DataFrame({
            "quantity": [b.quantity for b in inside], "usd": [b.usd for b in inside], "zero": 0.0,
            "said": [count(b.quantity) for b in inside],
        })  # fmt: skip
        layers_top.append(alt.Chart(marks).mark_point(size=70, color="#14181D").encode(x=x, y="usd:Q"))
        layers_top.append(alt.Chart(marks).mark_text(dy=-13, align="left", dx=5).encode(x=x, y="usd:Q", text="said:N"))
        layers_below.append(alt.Chart(marks).mark_point(size=70, color="#14181D").encode(x=x, y="zero:Q"))
    chart = alt.vconcat(
        alt.layer(*layers_top).properties(width=620, height=190),
        alt.layer(*layers_below).properties(width=620, height=170),
    ).resolve_scale(color="shared")
    picture(chart, say=_volume_words(r), table=_volume_table(r))


def _volume_words(r: StackReview) -> dict[str, str]:
    cost = r.economics
    shown_flow = min((f.flow for f in r.flows), key=cost.unit_usd)
    common = {
        "flow": Key(f"design.flow.{shown_flow}"), "quantity": f"{cost.quantity:,}", "cost": cost.unit_usd(shown_flow),
        "share": 100 * cost.nre[shown_flow].total_usd / cost.quantity / cost.unit_usd(shown_flow),
    }  # fmt: skip
    if not cost.curves.crossings:
        return sentence("design.say.volume_never", **common)
    crossing = min(cost.curves.crossings, key=lambda b: abs(np.log(b.quantity / cost.quantity)))
    beaten, better = Key(f"design.flow.{crossing.below}"), Key(f"design.flow.{crossing.above}")
    return sentence("design.say.volume", below=beaten, above=better, crossing=count(crossing.quantity), **common)


def _volume_table(r: StackReview) -> pd.DataFrame:
    cost = r.economics
    quantities = sorted({1_000, 10_000, 100_000, 1_000_000, 10_000_000, cost.quantity})
    ordered = sorted(r.flows, key=lambda f: cost.unit_usd(f.flow))
    return pd.DataFrame({
        "assembly_flow": [sentence(f"design.flow.{f.flow}") for f in ordered],
        **{f"{q:,}_usd": [cost.unit_usd(f.flow, q) for f in ordered] for q in quantities},
    })  # fmt: skip


def sensitivity(r: StackReview) -> None:
    """The tornado: recurring cost with one input low and high, the largest swing first."""
    if _none(r):
        return
    cost = r.economics
    flow, swings = cost.shown, cost.swings
    base = float(flow.total_usd)
    name = {s.input: both(f"cost.input.{s.input}") for s in swings}
    frame = pd.DataFrame([
        {"input": name[s.input], "end": end, "from": base, "to": usd, "said": f"× {number(factor)}: {shown(usd, 3)}",
         "up": usd >= base}
        for s in swings for end, factor, usd in (("low", s.low, s.low_usd), ("high", s.high, s.high_usd))
    ])  # fmt: skip
    span = max(abs(frame["to"] - base))
    domain = [base - 1.45 * span, base + 1.45 * span]
    y = alt.Y("input:N", sort=[name[s.input] for s in swings], title=None, axis=_LABELS)
    x = alt.X("from:Q", title=both("design.axis.cost", "USD"), axis=alt.Axis(tickCount=6),
              scale=alt.Scale(domain=domain, nice=False, zero=False))  # fmt: skip
    ends = [sentence(f"cost.end.{end}") for end in ("low", "high")]
    colour = alt.Color("end:N", title=None, scale=alt.Scale(domain=["low", "high"], range=[COLOURS[4], COLOURS[0]]),
                       legend=alt.Legend(orient="top", labelExpr=_renamed(("low", "high"), ends)))  # fmt: skip
    bars = alt.Chart(frame).mark_bar(height=15).encode(x=x, x2="to:Q", y=y, color=colour)
    place = alt.X("to:Q", scale=alt.Scale(domain=domain, nice=False, zero=False))
    right = alt.Chart(frame[frame["up"]]).mark_text(align="left", dx=4).encode(x=place, y=y, text="said:N")
    left = alt.Chart(frame[~frame["up"]]).mark_text(align="right", dx=-4).encode(x=place, y=y, text="said:N")
    now = alt.Chart(pd.DataFrame({"from": [base]})).mark_rule().encode(x=x)
    chart = (bars + right + left + now).properties(width=520, height=alt.Step(_BAR_PX))
    first = swings[0]
    said = sentence("design.say.tornado", flow=Key(f"design.flow.{flow.flow}"), cost=base,
                    input=Key(f"cost.input.{first.input}"), low=min(first.low_usd, first.high_usd),
                    high=max(first.low_usd, first.high_usd))  # fmt: skip
    rows = pd.DataFrame({
        "sensitivity_input": [sentence(f"cost.input.{s.input}") for s in swings],
        "factor_low": [s.low for s in swings], "factor_high": [s.high for s in swings],
        "cost_low_usd": [s.low_usd for s in swings], "cost_high_usd": [s.high_usd for s in swings],
        "range_source": [s.source for s in swings],
    })  # fmt: skip
    picture(chart, say=said, table=rows)
    note("design.note.tornado", chip="unverified" if not all(s.verified for s in swings) else None)


def _renamed(values: tuple[str, ...], words: list[dict[str, str]]) -> str:
    """A Vega expression that shows each value by its words."""
    pairs = ", ".join(f"'{v}': '{' '.join(dict.fromkeys(w.values()))}'" for v, w in zip(values, words, strict=True))
    return f"{{{pairs}}}[datum.label]"


def stack_tiers(r: StackReview) -> None:
    """A stack tier by tier: what each adds, and the yield of the stack so far. Nothing where nothing is stacked."""
    cost = r.economics
    flow = cost.drawn or cost.best
    if not cost.is_stacked or flow is None or flow.flow not in cost.stacks:
        return
    built = max(cost.stacks[flow.flow], key=lambda one: len(one.steps))
    rows, steps = [], []
    named = tuple(p for p in ("dies", "stacking", "test") if any(getattr(step, f"{p}_usd") for step in built.steps))
    for index, step in enumerate(built.steps):
        label = f"{index + 1}  " + ", ".join(step.names)
        for rank, part in enumerate(named):
            rows.append({"tier": label, "part": both(f"cost.tier.{part}"), "rank": rank,
                         "usd": getattr(step, f"{part}_usd")})  # fmt: skip
        steps.append({"tier": label, "added": step.dies_usd + step.stacking_usd + step.test_usd,
                      "percent": 100 * step.stack_yield})  # fmt: skip
    frame, ends = pd.DataFrame(rows), pd.DataFrame(steps)
    ends["added_shown"] = [shown(v, 3) for v in ends["added"]]
    ends["percent_shown"] = [shown(v, 4) + " %" for v in ends["percent"]]
    order = list(reversed(ends["tier"]))  # as it stands: the bottom tier at the bottom
    colours = {"dies": COLOURS[0], "stacking": COLOURS[5], "test": COLOURS[6]}
    parts = [both(f"cost.tier.{part}") for part in named]
    y = alt.Y("tier:N", sort=order, title=None, axis=_LABELS)
    bare = alt.Y("tier:N", sort=order, title=None, axis=None)
    scale = alt.Scale(domain=[0, 1.2 * ends["added"].max()])
    bars = alt.Chart(frame).mark_bar(height=16).encode(
        x=alt.X("sum(usd):Q", title=both("design.axis.added", "USD"), scale=scale, axis=alt.Axis(tickCount=6)), y=y,
        order="rank:Q",
        color=alt.Color("part:N", sort=parts, title=None,
                        scale=alt.Scale(domain=parts, range=[colours[part] for part in named]),
                        legend=alt.Legend(orient="top", labelLimit=260)),
    )  # fmt: skip
    left = bars + alt.Chart(ends).mark_text(align="left", dx=4).encode(
        x=alt.X("added:Q", scale=scale), y=y, text="added_shown:N"
    )
    share = alt.X("percent:Q", title=both("design.axis.stack_yield", "%"), scale=alt.Scale(domain=[0, 125]),
                  axis=alt.Axis(values=[0, 25, 50, 75, 100]))  # fmt: skip
    right = alt.Chart(ends).mark_bar(height=16, color=COLOURS[2]).encode(x=share, y=bare)
    right += alt.Chart(ends).mark_text(align="left", dx=4).encode(x=share, y=bare, text="percent_shown:N")
    height = alt.Step(_BAR_PX)
    chart = alt.hconcat(left.properties(width=400, height=height), right.properties(width=220, height=height))
    worst = min(built.steps, key=lambda step: step.step_yield)
    good = built.steps[-1]
    said = sentence(
        "design.say.tiers", flow=Key(f"design.flow.{flow.flow}"), tiers=len(built.steps), cost=good.good_usd,
        percent=100 * good.stack_yield, worst=", ".join(worst.names), loss=100 * (1 - worst.step_yield),
    )  # fmt: skip
    rows = pd.DataFrame({
        "tier_number": range(1, len(built.steps) + 1),
        "tier_dies": [", ".join(step.names) for step in built.steps],
        "tier_dies_usd": [step.dies_usd for step in built.steps],
        "tier_stacking_usd": [step.stacking_usd for step in built.steps],
        "tier_test_usd": [step.test_usd for step in built.steps],
        "step_yield_percent": [100 * step.step_yield for step in built.steps],
        "stack_yield_percent": [100 * step.stack_yield for step in built.steps],
        "stack_so_far_usd": [step.good_usd for step in built.steps],
    })  # fmt: skip
    picture(chart.resolve_scale(y="shared"), say=said, table=rows)
    if r.economics.case.process.unverified:
        note("design.note.stack_prices", chip="unverified")


def nre(r: StackReview) -> None:
    """What each flow costs once, in parts, and what that makes per module at the quantity asked for."""
    if _none(r):
        return
    cost = r.economics
    ordered = sorted(r.flows, key=lambda flow: cost.unit_usd(flow.flow))
    spent = [cost.nre[flow.flow] for flow in ordered]
    frame = pd.DataFrame({
        "assembly_flow": [sentence(f"design.flow.{flow.flow}") for flow in ordered],
        "nre_blocks_usd": [once.blocks_usd for once in spent],
        "nre_chips_usd": [once.chips_usd for once in spent],
        "nre_interface_usd": [once.interface_usd for once in spent],
        "nre_package_usd": [once.package_usd for once in spent],
        "nre_test_hardware_usd": [once.test_hardware_usd for once in spent],
        "nre_total_usd": [once.total_usd for once in spent],
        "recurring_usd": [float(flow.total_usd) for flow in ordered],
        "unit_cost_usd": [cost.unit_usd(flow.flow) for flow in ordered],
    })  # fmt: skip
    first = ordered[0]
    once = cost.nre[first.flow]
    main = max(NreCost.PARTS, key=lambda part: getattr(once, part))
    say(sentence("design.say.nre", flow=Key(f"design.flow.{first.flow}"), nre=once.total_usd / 1e6,
                 quantity=f"{cost.quantity:,}", each=once.total_usd / cost.quantity, part=Key(f"cost.nre.{main}"),
                 percent=100 * getattr(once, main) / once.total_usd))  # fmt: skip
    flags = {"nre_test_hardware_usd": "unverified"} if once.test_hardware_usd else {}
    table(frame, flags=flags, digits=dict.fromkeys(frame.columns, 4), caption="design.caption.nre")


def wafer_test(r: StackReview) -> None:
    """Cost per good module against the coverage of wafer test, with the untested module beside it."""
    cost = r.economics
    if cost.shown is None:
        return
    if cost.test is None:
        say(sentence("design.say.test_none", flow=Key(f"design.flow.{cost.shown.flow}")))
        return
    p = r.parameters
    coverage = np.linspace(0, 1, 41)
    usd = [float(cost.test.at(float(c)).total_usd) for c in coverage]
    frame = pd.DataFrame({"percent": 100 * coverage, "usd": usd})
    tested, untested = float(cost.test.tested.total_usd), float(cost.test.untested.total_usd)
    at, crossing = 100 * p.test_coverage_ratio, cost.test.break_even_coverage_ratio
    x = alt.X("percent:Q", title=both("design.axis.coverage", "%"), scale=alt.Scale(domain=[0, 100]))
    y = alt.Y("usd:Q", title=both("design.axis.cost", "USD"), scale=alt.Scale(zero=False, nice=True))
    line = alt.Chart(frame).mark_line().encode(x=x, y=y)
    # The rule is named at the end with more room before it meets the curve, on the side where the curve is not.
    end, align = (0, "left") if (crossing or 0) > 0.5 else (-1, "right")
    flat = pd.DataFrame({"usd": [untested], "percent": [(1.0, 99.0)[end]], "said": [both("cost.untested")]})
    limit = alt.Chart(flat).mark_rule(strokeDash=[4, 3]).encode(y=y)
    aside = 12 if usd[end] > untested else -8
    limit += alt.Chart(flat).mark_text(align=align, dy=aside).encode(x=x, y=y, text="said:N")
    marks = [{"percent": at, "usd": tested, "said": shown(tested, 4)}]
    if crossing:
        marks.append({"percent": 100 * crossing, "usd": untested, "said": f"{100 * crossing:.1f} %"})
    points = alt.Chart(pd.DataFrame(marks))
    chart = line + limit + points.mark_point(size=70, color="#14181D").encode(x=x, y=y)
    chart += points.mark_text(align="left", dx=8, dy=-9 if usd[-1] <= usd[0] else 12).encode(x=x, y=y, text="said:N")
    key = "design.say.test_never" if crossing is None else "design.say.test_pays"
    said = sentence(
        key, coverage=at, tested=tested, untested=untested, price=cost.test.insertion.cost_usd,
        crossing=100 * (crossing or 0.0), flow=Key(f"design.flow.{cost.shown.flow}"),
    )  # fmt: skip
    rows = frame.iloc[::4].rename(columns={"percent": "coverage_percent", "usd": "module_cost_usd"})
    picture(chart.properties(width=560, height=240), say=said, table=rows)


def hybrid_bond_yield(r: StackReview) -> None:
    """The three causes of a failed hybrid bond, by die; shows nothing without one."""
    cost = r.economics
    flow = cost.drawn or cost.best
    found = cost.hybrid.get(flow.flow, {}) if flow else {}
    if not found:
        return
    worst_id, worst = min(found.items(), key=lambda pair: pair[1].bond_yield)
    causes = {"overlay": worst.overlay, "particles": worst.particles, "recess": worst.recess}
    cause = min(causes, key=causes.get)
    say(sentence("design.say.hybrid_yield", name=r.design.die(worst_id).name, percent=100 * worst.bond_yield,
                 cause=Key(f"cost.cause.{cause}"), share=100 * causes[cause], limit=worst.limit_nm,
                 far=worst.far_pad_nm))  # fmt: skip
    frame = pd.DataFrame({
        "die_name": [r.design.die(die).name for die in found],
        "overlay_limit_nm": [y.limit_nm for y in found.values()],
        "far_pad_nm": [y.far_pad_nm for y in found.values()],
        "overlay_yield_percent": [100 * y.overlay for y in found.values()],
        "particle_yield_percent": [100 * y.particles for y in found.values()],
        "recess_yield_percent": [100 * y.recess for y in found.values()],
        "bond_yield_percent": [100 * y.bond_yield for y in found.values()],
    })  # fmt: skip
    table(frame, digits=dict.fromkeys(frame.columns, 5), caption="design.caption.hybrid_yield")
    note("design.note.yap_inputs", chip="unverified")


__all__ = ["hybrid_bond_yield", "nre", "sensitivity", "stack_tiers", "volume", "wafer_test"]
