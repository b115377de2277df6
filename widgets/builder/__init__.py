"""The 3D model builder: see, measure, build and edit a module; in a report a picture of the same scene."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from IPython.display import display

from widgets import page
from widgets.builder.colours import Painting
from widgets.builder.picture import scene_svg
from widgets.builder.scene import scene
from widgets.design.drawings import cross_section, top_view
from workbench import rules
from workbench.cost.review import StackDesignReview, review
from workbench.i18n import LANGUAGES, t
from workbench.stack import Design, bump_count

__all__ = ["builder", "picture"]


def builder(run: Any, design_id: str, *, deck: rules.Deck | None = None, parameters: Any = None,
            temperatures_c: Mapping[str, float] | None = None) -> Any:  # fmt: skip
    """Build and edit a design of the run's store; the screen is displayed and given back. In a report: `picture`.

    `deck` decides the checks (default: the published limits), `parameters` (a StackDesignReview) the cost;
    `temperatures_c` of parts by name, measured or computed elsewhere, offer the colours of temperature.
    """
    if run.mode != "interactive":
        _report(run.store.designs.document(design_id), design_id, deck, parameters)
        return None
    from widgets.builder.screen import Builder
    from widgets.builder.session import Session

    made = Builder(Session(run.store, design_id, deck=deck, parameters=parameters, temperatures_c=temperatures_c))
    display(made.widget)
    return made


def _report(document: Any, design_id: str, deck: rules.Deck | None, parameters: Any) -> None:
    """Verdict and figures, the scene by material and (where bumps are placed) by net, section and top view."""
    asked = parameters if isinstance(parameters, StackDesignReview) else StackDesignReview(design_id=design_id)
    reviewed = review(document, asked, deck=deck)
    page.summary(reviewed)
    picture(reviewed.design)
    if bump_count(reviewed.design):
        picture(reviewed.design, mode="net")
    cross_section(reviewed)
    top_view(reviewed)


def picture(design: Design, *, mode: str = "material", explode: float = 0.5) -> None:
    """The scene as a drawing, its conclusion above: what a report shows in place of the screen."""
    drawn = scene(design).exploded(explode)
    said = {
        lang: t("builder.picture.say", lang, dies=len(design.placements), layers=len(design.layers),
                bumps=f"{bump_count(design):,}")
        for lang in LANGUAGES
    }  # fmt: skip
    page.picture(scene_svg(drawn, Painting(mode, design)), say=said)
