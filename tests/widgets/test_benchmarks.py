"""Every screen of the benchmark review for every kind of system: shown, concluded, drawn."""

from __future__ import annotations

import pytest
import vl_convert
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from widgets import benchmarks as screens
from workbench.i18n import LANGUAGES, use_language
from workbench.runs.demo import benchmarks as demo
from workbench.store import Store
from workbench.validation.harness import record
from workbench.validation.harness.measure import Plan, measure
from workbench.validation.review import BenchmarkReview, review

VIEWS = (
    screens.system_card, screens.comparison, screens.validity, screens.latency, screens.efficiency, screens.results,
    screens.sources,
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """The published systems, and this machine measured in three scenarios for a second each."""
    store = Store.open(str(tmp_path_factory.mktemp("screens") / "workbench.duckdb"))
    demo.seed_published(store)
    for scenario in ("SingleStream", "Server", "Offline"):
        record.keep(store, measure(Plan(scenario=scenario, duration_s=1.0)))
    return store


def of(store: Store, system_id: str):
    b = store.benchmarks
    return review(b.systems(), b.results(), b.runs(system_id), BenchmarkReview(system_id=system_id))


def shown(view, result) -> tuple[str, list[str]]:
    """HTML and charts (as SVG; a chart that cannot be drawn fails here) of one view."""
    InteractiveShell.instance()
    with capture_output(stdout=False, stderr=False) as captured:
        view(result)
    html, charts = "", []
    for output in captured.outputs:
        specification = next((v for mime, v in output.data.items() if "vegalite" in mime), None)
        if specification is not None:
            charts.append(vl_convert.vegalite_to_svg(specification))
        elif "image/svg+xml" in output.data:
            charts.append(output.data["image/svg+xml"])
        else:
            html += output.data["text/html"]
    return html, charts


def own_id(store: Store) -> str:
    return next(s.subject_id for s in store.subjects("system") if s.subject_id.startswith("machine-"))


def test_every_view_says_something_about_every_system(store):
    for subject in store.subjects("system"):
        result = of(store, subject.subject_id)
        for view in VIEWS:
            html, _ = shown(view, result)
            assert "wb-say" in html or "wb-note" in html, (subject.subject_id, view.__name__)
            assert "{" not in html.split("<style")[0], (subject.subject_id, view.__name__)


def test_ratios_are_drawn_and_tabled(store):
    html, (chart,) = shown(screens.comparison, of(store, "mlperf-5.1-0061"))
    assert "10.2×" in chart
    assert "MI355X" in chart
    assert "llama2-70b-99.9 · Server" in chart
    assert "v6.0" in html
    assert "<details" in html
    assert "leads 3 of 5 comparisons" in html
    assert "Geometric mean" in html


def test_a_single_published_figure_makes_a_page(store):
    result = of(store, "mlperf-4.1-untether-3x")
    html = "".join(shown(view, result)[0] for view in VIEWS)
    assert "168,720" in html
    assert "unverified" in html
    assert "nothing is compared" in html
    assert "423.6" in html  # 168,720 samples/s at 398.3 W


def test_the_own_runs(store):
    result = of(store, own_id(store))
    html, charts = shown(screens.latency, result)
    assert len(charts) == 2  # SingleStream's percentiles and Offline's blocks; Server has a table only
    assert "p99: " in charts[0]
    assert "LoadGen" in charts[1]
    assert "waiting included" in html
    findings, _ = shown(screens.validity, result)
    assert findings.count("<caption>") == 3
    assert "Minimum duration" in findings
    assert 'class="wb-chip invalid"' in findings
    figures, _ = shown(screens.results, result)
    assert 'class="wb-chip unofficial"' in figures
    evidence, _ = shown(screens.sources, result)
    for own in result.own_runs:
        assert own.measurement.logs["performance"]["mlperf_log_detail.txt"]["sha256"] in evidence


@pytest.mark.parametrize("lang", LANGUAGES)
def test_charts_speak_the_language_in_force(store, lang):
    with use_language(lang):
        _, charts = shown(screens.latency, of(store, own_id(store)))
    word = {"en": "Percentile of queries", "zh-Hant": "查詢百分位"}[lang]
    assert word in charts[0]
