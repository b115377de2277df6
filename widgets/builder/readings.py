"""What is read beside the scene: key figures, the data of a picked part, findings, distances, legends. HTML blocks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from widgets.builder.colours import SEVERITY_COLOURS, Painting
from widgets.builder.picking import Picked
from widgets.builder.scene import Scene
from widgets.builder.session import Session, State
from widgets.design.tables import material_name
from workbench.errors import WorkbenchError
from workbench.i18n import language, t
from workbench.reports.look import VERDICT_SHAPES
from workbench.rules import Finding
from workbench.stack import Design

MOST_FINDINGS = 40


def say(key: str, **values: object) -> str:
    return escape(t(key, language(), **values))


def figures(session: Session) -> str:
    """Verdict and deciding figures, each with its change against the saved revision."""
    state, saved = session.state, session.saved
    verdict = str(state.report.verdict) if state.report else "NONE"
    chip = (
        f'<span class="wb-verdict {verdict}" data-verdict="{verdict}"><svg viewBox="0 0 16 16" aria-hidden="true">'
        f'<path fill-rule="evenodd" d="{VERDICT_SHAPES[verdict]}"/></svg>{say("verdict." + verdict)}</span>'
    )
    rows = [
        ("dies", state.derived.die_count, saved.derived.die_count, "", 0),
        ("bumps", state.bumps, saved.bumps, "", 0),
        ("footprint", state.derived.footprint_mm2, saved.derived.footprint_mm2, "mm²", 1),
        ("thickness", state.derived.total_thickness_um, saved.derived.total_thickness_um, "µm", 0),
        ("silicon", state.derived.silicon_area_mm2, saved.derived.silicon_area_mm2, "mm²", 1),
        ("power", state.derived.power_w, saved.derived.power_w, "W", 1),
        ("cost", state.cost_usd, saved.cost_usd, "USD", 2),
    ]
    cells = ""
    for key, now, before, unit, digits in rows:
        shown = "–" if now is None else f"{now:,.{digits}f}"
        change = ""
        if now is not None and before is not None and abs(now - before) > 0.5 * 10**-digits:
            change = f'<small class="wb-change">{now - before:+,.{digits}f}</small>'
        cells += (
            f'<div data-figure="{key}"><dt>{say("builder.figure." + key)}</dt>'
            f"<dd>{shown} <small>{unit}</small>{change}</dd></div>"
        )
    title = state.design.title_zh if language() == "zh-Hant" and state.design.title_zh else state.design.title
    step = say("builder.saved_as" if session.is_saved else "builder.unsaved", number=session.number)
    return (
        f'<div class="wb wb-b-head"><p><strong>{escape(title)}</strong> <span class="wb-note">{step}</span></p>'
        f'<div class="wb-b-figures">{chip}<dl class="wb-figures">{cells}</dl></div></div>'
    )


def findings(state: State, only: Sequence[Finding] | None = None) -> str:
    """Findings, worst first: mark, sentence, next step."""
    if state.report is None:
        return f'<div class="wb"><p class="wb-error">{say("builder.no_checks")}</p></div>'
    shown = list(state.report.findings if only is None else only)
    if not shown:
        return f'<div class="wb"><p class="wb-note">{say("builder.severity.met")}</p></div>'
    rows = "".join(
        f'<li data-rule="{escape(f.id)}"><span class="wb-b-dot" style="background:{SEVERITY_COLOURS[f.severity]}">'
        f"</span>{escape(f.place)}{': ' if f.place else ''}{escape(f.sentence(language()))}</li>"
        for f in shown[:MOST_FINDINGS]
    )
    more = len(shown) - MOST_FINDINGS
    rest = f'<p class="wb-note">{say("builder.more", count=more)}</p>' if more > 0 else ""
    return f'<div class="wb"><ul class="wb-b-list">{rows}</ul>{rest}</div>'


def part_table(state: State, part: str, picked: Picked | None = None) -> str:
    """The data of a die or layer and of the bump that was picked on it, with what the checks say about it."""
    design = state.design
    layer, placement = design.part(part)
    rows: list[tuple[str, str]] = [("part", part)]
    if placement is None:
        width, length = design.extent_mm(layer)
        rows += [("kind", t(f"builder.layer.{layer.kind}", language())),
                 ("material", material_name(layer)[language()]),
                 ("size", f"{width:g} × {length:g} mm"), ("layer_thickness", f"{layer.thickness_um:g} µm")]  # fmt: skip
        rows += [("metal", f"{m.name}: {m.line_um:g} / {m.space_um:g} µm") for m in layer.metals]
        if layer.bond and layer.bond.pitch_um:
            rows.append(("pitch", f"{layer.bond.pitch_um:g} µm"))
    else:
        die = design.die(placement.die)
        node = f", {die.node_nm:g} nm" if die.node_nm else ""
        rows += [("die", f"{die.name}{node}"), ("size", f"{die.width_mm:g} × {die.length_mm:g} mm"),
                 ("die_thickness", f"{die.thickness_um:g} µm"),
                 ("place", f"x {placement.x_mm:g}, y {placement.y_mm:g} mm"),
                 ("angle", f"{placement.angle_deg:g}° ({placement.orientation or '–'})"),
                 ("power", f"{die.power_w:g} W ({die.power_w / die.area_mm2:.3g} W/mm²)"),
                 ("bumps", f"{sum(region.bump_count for region in die.regions):,}"),
                 ("tsv", f"{die.tsv.count:,}" if die.tsv else "–")]  # fmt: skip
    if picked is not None and picked.field is not None and picked.feature is not None:
        field, index = picked.field.field, picked.feature
        pattern = field.pattern
        given = field.region is not None or picked.kind != "bump"
        name = pattern.label(pattern.names or (f"{pattern.name}[{{index}}]",), index)
        rows.append((picked.kind, name if given else t("builder.part.indicative", language())))
        if given:
            net, port = pattern.label(pattern.nets, index), pattern.label(pattern.ports, index)
            rows.append(("net", f"{net or '–'}" + (f" ({port})" if port else "")))
        x, y, z = picked.point_um
        rows += [("diameter", f"{pattern.diameter_um:g} µm"), ("centre", f"x {x:.3f}, y {y:.3f}, z {z:.3f} µm")]
    body = "".join(
        f'<tr><th scope="row">{say("builder.part." + key)}</th><td>{escape(value)}</td></tr>' for key, value in rows
    )
    return (
        f'<div class="wb wb-b-part" data-part="{escape(part)}"><table class="wb-table">{body}</table></div>'
        + (findings(state, state.findings_of(part)) if state.report else "")
    )  # fmt: skip


def distance(points: Sequence[tuple[float, float, float]]) -> str:
    """What was measured so far."""
    if len(points) < 2:
        key = "builder.measure.first" if not points else "builder.measure.second"
        return f'<div class="wb"><p class="wb-note" role="status">{say(key)}</p></div>'
    (dx, dy, dz) = np.array(points[1]) - np.array(points[0])
    length = float(np.linalg.norm([dx, dy, dz]))
    said = f"{length:,.2f} µm ({length / 1000:,.4f} mm)"
    return (
        f'<div class="wb" data-distance="{length:.3f}"><p><strong>{said}</strong><br>'
        f"Δx {dx:,.2f} µm, Δy {dy:,.2f} µm, Δz {dz:,.2f} µm</p></div>"
    )


def legend(painting: Painting, scene: Scene) -> str:
    rows = "".join(
        f'<span class="wb-b-key"><i style="background:{colour}"></i>{escape(words)}</span>'
        for colour, words in painting.legend(scene, language())
    )
    notes = [say("builder.picture.indicative")] if scene.indicative else []
    notes += [say("builder.undrawn", count=scene.undrawn)] if scene.undrawn else []
    return f'<div class="wb wb-b-legend">{rows}<p class="wb-note">{" ".join(notes)}</p></div>'


def refusal(fault: Exception) -> str:
    """An error in both languages, the screen's first: what, where, got, allowed, what to do."""
    if not isinstance(fault, WorkbenchError):
        return f'<div class="wb wb-error" role="alert">{say("live.fault", kind=type(fault).__name__)}</div>'
    said = [fault.sentence(lang) for lang in sorted(("en", "zh-Hant"), key=lambda lang: lang != language())]
    return (
        f'<div class="wb wb-error" role="alert" data-rule="{escape(fault.rule)}"><strong>{escape(said[0])}</strong>'
        f"<br><small>{escape(said[1])}</small></div>"
    )


def done(words: str) -> str:
    return f'<div class="wb"><p class="wb-note" role="status">{escape(words)}</p></div>'


def part_names(design: Design) -> list[str]:
    return [p.name for p in design.placements] + [layer.name for layer in design.layers]


STYLE = """<style>
.wb-b-message .wb-note{white-space:pre-line}
.wb-builder, .wb-builder .widget-box, .jp-Cell-outputArea:has(.wb-builder) { overflow: visible; }
.wb-b-message { position: sticky; top: 44px; z-index: 2; background: var(--page, #fff); }
.wb-b-message .wb-error { margin: 4px 0; padding-top: 4px; padding-bottom: 4px; }
.wb-b-head p { margin: 0 0 .2em; } .wb-b-head .wb-note { margin-left: .6em; display: inline; }
.wb-b-figures { display: flex; gap: 28px; align-items: center; flex-wrap: wrap; }
.wb-b-figures .wb-verdict { font-size: 22px; } .wb-b-figures dl { flex: 1 1 600px; }
.wb-b-head dl.wb-figures { gap: .3em 2.2em; margin: .2em 0; } .wb-b-head .wb-figures dd { font-size: 20px; }
.wb-b-head .wb-figures div { min-width: 4.5em; } .wb-change { color: var(--marginal, #9C5D00) !important;
  margin-left: .4em; font-size: 12px !important; }
.wb-b-part table { font-size: 13px; } .wb-b-part th { font-weight: 400; color: var(--muted); white-space: nowrap; }
.wb-b-part td { overflow-wrap: anywhere; }
.wb-b-list { list-style: none; margin: .3em 0; padding: 0; font-size: 13px; line-height: 1.4; }
.wb-b-list li { margin: .25em 0; padding-left: 18px; position: relative; }
.wb-b-dot { position: absolute; left: 2px; top: 4px; width: 9px; height: 9px; border-radius: 50%; }
.wb-b-legend { font-size: 13px; line-height: 1.5; } .wb-b-key { margin-right: 16px; white-space: nowrap;
  display: inline-block; }
.wb-b-key i { display: inline-block; width: 11px; height: 11px; margin-right: 5px; border-radius: 2px;
  border: 1px solid rgba(0,0,0,.15); vertical-align: -1px; }
.wb-b-title { font-weight: 600; font-size: 14px; margin: 10px 0 2px; }
.wb-builder .widget-label { min-width: 0; } .wb-builder canvas { border-radius: 6px; }
.wb-builder .widget-checkbox { width: auto; }
.wb-builder button:focus-visible, .wb-builder input:focus-visible, .wb-builder select:focus-visible {
  outline: 2px solid #0072B2; outline-offset: 1px; }
</style>"""
