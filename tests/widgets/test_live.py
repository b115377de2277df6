"""Static under papermill, alive in JupyterLab and Voila: the form recomputes, errors never break the screen."""

from __future__ import annotations

import importlib
import pkgutil
from types import SimpleNamespace

import ipywidgets as w
import pytest
from IPython.utils.capture import capture_output

import workbench
from widgets import forms, page
from widgets.live import Live
from workbench.errors import DomainError
from workbench.i18n import catalogue
from workbench.schema import Parameters, choice, flag, quantity, text


class Study(Parameters):
    """A study used by these tests."""

    design_id: str = choice("Design", "設計", of="design", default="poc")
    bond_line_um: float = quantity("Bond line", "接合層厚度", ge=1, le=100, default=20)
    dies_count: int = quantity("Dies", "晶粒數", ge=1, default=2)
    method: str = choice("Method", "方法", options=("tcb", "reflow"), default="tcb")
    dry: bool = flag("Dry run", "試運行", default=False)
    remark: str = text("Remark", "備註", default="")


class Shelf:
    def subjects(self, kind):
        assert kind == "design"
        return [
            SimpleNamespace(title="Two dies", subject_id="poc"),
            SimpleNamespace(title="Four dies", subject_id="quad"),
        ]


def run(mode):
    return SimpleNamespace(mode=mode, store=Shelf())


def compute(parameters):
    if parameters.bond_line_um > 90:
        raise DomainError("param.out_of_range", where="bond_line_um", got="> 90", allowed="<= 90")
    return parameters.bond_line_um * 2


def view(result):
    page.say(f"twice is {result}")


@pytest.fixture
def live():
    """An interactive screen with its form; `controls` are by field name."""
    with capture_output():
        screen = Live(run("interactive"), Study(), compute)
        screen.form()
        screen.show(view)
    form = next(x for x in _instances() if isinstance(x, forms.Form) and x.value == Study())
    return SimpleNamespace(screen=screen, form=form, output=screen._shown[0][1])


def _instances():
    import ipywidgets.widgets.widget as registry

    return list(registry._instances.values())[::-1]


def text_of(output):
    return "".join(o["data"].get("text/html", "") for o in output.outputs)


def test_a_report_is_static_and_lists_its_parameters():
    before = len(_instances())
    with capture_output() as captured:
        screen = Live(run("report"), Study(), compute)
        screen.form()
        screen.show(view)
    body = "".join(o.data.get("text/html", "") for o in captured.outputs)
    assert "twice is 40.0" in body
    assert "1 ... 100 µm" in body
    assert "接合層厚度" in body
    assert len(_instances()) == before, "a report makes no widgets"


def test_a_fault_in_a_report_fails_the_run():
    with pytest.raises(DomainError):
        Live(run("report"), Study(bond_line_um=95), compute)


def test_the_form_has_a_control_per_declared_field(live):
    assert set(live.form._controls) == set(Study.model_fields)
    assert live.form._controls["design_id"].options == (("Two dies", "poc"), ("Four dies", "quad"))
    assert live.form._controls["method"].options == (("tcb", "tcb"), ("reflow", "reflow"))
    assert isinstance(live.form._controls["dry"], w.Checkbox)


def test_a_change_recomputes_every_view(live):
    assert "twice is 40.0" in text_of(live.output)
    live.form._controls["bond_line_um"].value = 30
    assert "twice is 60.0" in text_of(live.output)
    assert live.screen.result == 60


def test_a_refused_value_is_marked_and_keeps_the_last_result(live):
    live.form._controls["bond_line_um"].value = 1000
    assert "1 ... 100 µm" in live.form._messages["bond_line_um"].value
    assert "twice is 40.0" in text_of(live.output)
    assert "Not recomputed" in live.screen._state.value
    live.form._controls["bond_line_um"].value = 10
    assert live.form._messages["bond_line_um"].value == ""
    assert "twice is 20.0" in text_of(live.output)
    assert "Up to date" in live.screen._state.value


def test_an_error_of_the_family_shows_as_words(live):
    live.form._controls["bond_line_um"].value = 95
    body = text_of(live.output)
    assert "The value lies outside the allowed range" in body
    assert "數值超出允許範圍" in body
    assert "Traceback" not in body


def test_a_defect_shows_its_kind_and_no_traceback(live):
    def broken(result):
        raise ZeroDivisionError("secret path")

    with capture_output():
        live.screen.show(broken)
    body = text_of(live.screen._shown[1][1])
    assert "ZeroDivisionError" in body
    assert "secret path" not in body


def test_every_option_of_every_form_has_words():
    for module in pkgutil.walk_packages(workbench.__path__, "workbench."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

    def below(kind):
        return [kind, *(lower for child in kind.__subclasses__() for lower in below(child))]

    ours = [kind for kind in below(Parameters) if kind.__module__.startswith("workbench.")]
    assert len(ours) > 5
    offered = {(kind.__name__, option) for kind in ours for field in kind.fields() for option in field.options or ()}
    assert {option for _, option in offered} >= {"drawn", "hybrid", "own"}
    assert sorted(pair for pair in offered if f"option.{pair[1]}" not in catalogue()) == []


def test_choices_are_named_in_the_language_in_force(monkeypatch):
    assert forms.option_words("western_electric") == "Western Electric"
    assert forms.option_words("drawn") == "as drawn"
    monkeypatch.setenv("WORKBENCH_LANG", "zh-Hant")
    assert forms.option_words("drawn") == "依設計圖"
    assert forms.option_words("tcb") == "tcb"  # no words in the catalogue: its own name
