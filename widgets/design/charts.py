"""Charts of yield and cost."""

from __future__ import annotations

import altair as alt
import pandas as pd

from widgets import theme  # noqa: F401  (registers the look)
from widgets.design.words import Key, both, sentence
from widgets.page import picture, say
from widgets.theme import COLOURS
from workbench.cost.assembly import FlowCost
from workbench.cost.review import StackReview
from workbench.schema.summary import shown

FLOW_COLOURS = dict(zip(
    ("mcm", "fan_out_last", "fan_out_first", "si_interposer", "soc", "stack_d2w", "stack_w2w", "stack_d2d"),
    (COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[3], COLOURS[7], COLOURS[5], COLOURS[4], "#8A8F98"), strict=True,
))  # fmt: skip
_PART_COLOURS = dict(zip(
    FlowCost.PARTS, (COLOURS[0], COLOURS[4], COLOURS[5], COLOURS[6], COLOURS[1], COLOURS[2], COLOURS[3]), strict=True,
))  # fmt: skip
_BAR_PX = 26
# Names in two scripts are drawn wider than the layout reckons: room is kept for the longest, else it is clipped.
_FLOWS = alt.Axis(labelLimit=320, minExtent=290, ticks=False, domain=False)
_MODELS = alt.Axis(labelLimit=320, minExtent=180, ticks=False, domain=False)


def _flow_table(r: StackReview) -> pd.DataFrame:
    ordered = sorted(r.flows, key=lambda flow: float(flow.total_usd))
    return pd.DataFrame({
        "assembly_flow": [sentence(f"design.flow.{flow.flow}") for flow in ordered],
        "module_cost_usd": [float(flow.total_usd) for flow in ordered],
        "assembly_yield_percent": [100 * float(flow.assembly_yield) for flow in ordered],
        **{part: [float(getattr(flow, part)) for flow in ordered] for part in FlowCost.PARTS
           if any(float(getattr(flow, part)) for flow in ordered)},
    })  # fmt: skip


def _none(r: StackReview) -> bool:
    if not r.flows:
        say("design.say.no_cost")
    return not r.flows


def cost_and_yield(r: StackReview) -> None:
    """Cost per good module and assembly yield by flow, cheapest first."""
    if _none(r):
        return
    ordered = sorted(r.flows, key=lambda flow: float(flow.total_usd))
    frame = pd.DataFrame({
        "flow": [both(f"design.flow.{flow.flow}") for flow in ordered],
        "usd": [float(flow.total_usd) for flow in ordered],
        "percent": [100 * float(flow.assembly_yield) for flow in ordered],
        "best": [flow is r.best for flow in ordered],
    })  # fmt: skip
    frame["usd_shown"] = [shown(value, 3) for value in frame["usd"]]
    frame["percent_shown"] = [shown(value, 3) + " %" for value in frame["percent"]]
    colour = alt.when(alt.datum.best).then(alt.value(COLOURS[0])).otherwise(alt.value(COLOURS[4]))
    order = list(frame["flow"])
    rows = alt.Y("flow:N", sort=order, title=None, axis=_FLOWS)
    bare = alt.Y("flow:N", sort=order, title=None, axis=None)
    height = alt.Step(_BAR_PX)
    base = alt.Chart(frame)
    cost = alt.X("usd:Q", title=both("design.axis.cost", "USD"), scale=alt.Scale(domain=[0, 1.18 * frame["usd"].max()]))
    left = base.mark_bar(height=16).encode(x=cost, y=rows, color=colour)
    left += base.mark_text(align="left", dx=4).encode(x=cost, y=rows, text="usd_shown:N")
    share = alt.X("percent:Q", title=both("design.axis.assembly_yield", "%"), scale=alt.Scale(domain=[0, 118]),
                  axis=alt.Axis(values=[0, 25, 50, 75, 100]))  # fmt: skip
    right = base.mark_bar(height=16).encode(x=share, y=bare, color=colour)
    right += base.mark_text(align="left", dx=4).encode(x=share, y=bare, text="percent_shown:N")
    chart = alt.hconcat(left.properties(width=420, height=height), right.properties(width=260, height=height))
    soc = next((flow for flow in r.flows if flow.flow == "soc"), None)
    if soc is None:
        said = sentence("design.say.cost", flow=Key(f"design.flow.{r.best.flow}"), cost=float(r.best.total_usd),
                        assembly_yield=100 * float(r.best.assembly_yield))  # fmt: skip
    else:
        change = float(r.best.total_usd / soc.total_usd - 1) * 100
        said = sentence(
            "design.say.cost_below_soc" if change < 0 else "design.say.cost_above_soc",
            flow=Key(f"design.flow.{r.best.flow}"), cost=float(r.best.total_usd),
            assembly_yield=100 * float(r.best.assembly_yield), percent=shown(abs(change), 2),
        )  # fmt: skip
    picture(chart.resolve_scale(y="shared"), say=said, table=_flow_table(r))


def cost_breakdown(r: StackReview) -> None:
    """The cost of each flow by cause, stacked."""
    if _none(r):
        return
    ordered = sorted(r.flows, key=lambda flow: float(flow.total_usd))
    used = [part for part in FlowCost.PARTS if any(float(getattr(flow, part)) for flow in ordered)]
    names = {part: both(f"design.part.{part}") for part in used}
    frame = pd.DataFrame([
        {"flow": both(f"design.flow.{flow.flow}"), "part": names[part], "rank": rank,
         "usd": float(getattr(flow, part))}
        for flow in ordered for rank, part in enumerate(used)
    ])  # fmt: skip
    totals = frame.groupby("flow", sort=False, as_index=False)["usd"].sum()
    totals["shown"] = [shown(value, 3) for value in totals["usd"]]
    cost = both("design.axis.cost", "USD")
    rows = alt.Y("flow:N", sort=list(totals["flow"]), title=None, axis=_FLOWS)
    scale = alt.Scale(domain=[0, 1.12 * totals["usd"].max()])
    bars = alt.Chart(frame).mark_bar(height=16).encode(
        x=alt.X("sum(usd):Q", title=cost, scale=scale),
        y=rows,
        color=alt.Color("part:N", sort=list(names.values()), title=None,
                        scale=alt.Scale(domain=list(names.values()), range=[_PART_COLOURS[part] for part in used]),
                        legend=alt.Legend(orient="top", columns=3, labelLimit=300)),
        order="rank:Q",
    )  # fmt: skip
    ends = alt.Chart(totals).mark_text(align="left", dx=4).encode(x=alt.X("usd:Q", scale=scale), y=rows, text="shown:N")
    best = r.best
    main = max(FlowCost.PARTS, key=lambda part: float(getattr(best, part)))
    said = sentence("design.say.breakdown", flow=Key(f"design.flow.{best.flow}"), part=Key(f"design.part.{main}"),
                    percent=shown(100 * float(getattr(best, main) / best.total_usd), 2))  # fmt: skip
    picture((bars + ends).properties(width=640, height=alt.Step(_BAR_PX)), say=said, table=_flow_table(r))


def defect_sensitivity(r: StackReview) -> None:
    """Cost of each flow against the factor on every defect density, 1 being the case reviewed."""
    if _none(r):
        return
    sweep = r.sweep
    frame = pd.DataFrame([
        {"ratio": float(x), "flow": both(f"design.flow.{flow}"), "usd": float(y)}
        for flow, total in sweep.total_usd.items() for x, y in zip(sweep.ratio, total, strict=True)
    ])  # fmt: skip
    domain = [both(f"design.flow.{flow}") for flow in sweep.total_usd]
    colour = alt.Color("flow:N", scale=alt.Scale(domain=domain, range=[FLOW_COLOURS[f] for f in sweep.total_usd]),
                       legend=None)  # fmt: skip
    x = alt.X("ratio:Q", title=both("design.axis.defects"), scale=alt.Scale(type="log", domain=[0.25, 4]),
              axis=alt.Axis(values=[0.25, 0.5, 1, 2, 4], format="~g"))  # fmt: skip
    y = alt.Y("usd:Q", title=both("design.axis.cost", "USD"), scale=alt.Scale(domainMin=0))
    lines = alt.Chart(frame).mark_line().encode(x=x, y=y, color=colour)
    ends = frame[frame["ratio"] == frame["ratio"].max()].sort_values("usd").copy()
    step = frame["usd"].max() * 0.055  # direct labels at the line ends, moved apart where lines meet
    places: list[float] = []
    for value in ends["usd"]:
        places.append(max(value, places[-1] + step if places else value))
    ends["place"] = places
    at_end = alt.Chart(ends).encode(x=x, y=alt.Y("place:Q"))
    labels = at_end.mark_text(align="left", dx=5, text="●").encode(color=colour)  # the words themselves stay readable
    labels += at_end.mark_text(align="left", dx=20).encode(text="flow:N")
    now = alt.Chart(pd.DataFrame({"ratio": [1.0]})).mark_rule(strokeDash=[4, 3]).encode(x=x)
    table = frame.pivot(index="ratio", columns="flow", values="usd")[domain].iloc[::4].reset_index()
    table.columns = ["defect_factor", *domain]
    best = r.best.flow
    said = sentence(
        "design.say.sensitivity", flow=Key(f"design.flow.{best}"),
        low=float(sweep.total_usd[best][0]), high=float(sweep.total_usd[best][-1]), now=float(r.best.total_usd),
    )  # fmt: skip
    chart = (now + lines + labels).properties(width=560, height=300)
    picture(chart, say=said, table=table)


def yield_models(r: StackReview) -> None:
    """Yield of the largest die by rival models: how far the model matters."""
    if not r.yields_by_model:
        return
    ordered = sorted(r.yields_by_model.items(), key=lambda entry: -entry[1])
    frame = pd.DataFrame({
        "model": [both(f"design.model.{model}") for model, _ in ordered],
        "percent": [100 * value for _, value in ordered],
        "chosen": [model == r.parameters.yield_model for model, _ in ordered],
    })  # fmt: skip
    frame["shown"] = [shown(value, 3) + " %" for value in frame["percent"]]
    colour = alt.when(alt.datum.chosen).then(alt.value(COLOURS[0])).otherwise(alt.value(COLOURS[4]))
    x = alt.X("percent:Q", title=both("design.axis.die_yield", "%"), scale=alt.Scale(domain=[0, 112]),
              axis=alt.Axis(values=[0, 25, 50, 75, 100]))  # fmt: skip
    y = alt.Y("model:N", sort=list(frame["model"]), title=None, axis=_MODELS)
    bars = alt.Chart(frame).mark_bar(height=14).encode(x=x, y=y, color=colour)
    bars += alt.Chart(frame).mark_text(align="left", dx=4).encode(x=x, y=y, text="shown:N")
    said = sentence("design.say.models", name=r.grid_die, low=ordered[-1][1] * 100, high=ordered[0][1] * 100)
    table = pd.DataFrame({"yield_model": frame["model"], "die_yield_percent": frame["percent"]})
    picture(bars.properties(width=560, height=alt.Step(24)), say=said, table=table)
