"""Charts become SVG in a process of their own, whatever is wrong with them."""

from __future__ import annotations

import math

import pytest

from workbench.reports.chart_process import external_data, version_of
from workbench.reports.charts import ChartError, ChartWorker


@pytest.fixture(scope="module")
def worker():
    made = ChartWorker()
    yield made
    made.close()


BAR = {"mark": "bar", "data": {"values": [{"a": "鎢", "b": 2}]}, "encoding": {"x": {"field": "a"}, "y": {"field": "b"}}}


def test_a_chart_keeps_its_chinese_labels_and_lets_the_page_shine_through(worker):
    svg = worker.svg(BAR | {"background": "white", "config": {"background": "white"}})
    assert svg.startswith("<svg")
    assert "鎢" in svg
    assert 'fill="white"' not in svg


@pytest.mark.parametrize("major", [5, 6])
def test_both_versions_of_vega_lite(worker, major):
    schema = f"https://vega.github.io/schema/vega-lite/v{major}.1.0.json"
    assert "<svg" in worker.svg(BAR | {"$schema": schema})


def test_what_is_not_a_number_is_a_gap(worker):
    values = [{"a": 1, "b": math.nan}, {"a": 2, "b": math.inf}, {"a": 3, "b": 4.0}]
    assert "NaN" not in worker.svg(BAR | {"data": {"values": values}})


def test_a_broken_chart_says_why_and_the_next_one_is_drawn(worker):
    with pytest.raises(ChartError, match="filled"):
        worker.svg({"mark": "nonsense", "data": {"values": [{"a": 1}]}})
    assert "<svg" in worker.svg(BAR)


@pytest.mark.parametrize("address", ["https://example.com/x.csv", "file:///etc/passwd", "/etc/passwd"])
def test_no_chart_reads_a_file_or_an_address(worker, address):
    layered = {"layer": [BAR, {**BAR, "transform": [{"lookup": "a", "from": {"data": {"url": address}, "key": "a"}}]}]}
    for spec in ({**BAR, "data": {"url": address, "format": {"type": "csv"}}}, layered):
        with pytest.raises(ChartError, match="outside"):
            worker.svg(spec)


def test_data_values_named_like_an_address_are_only_data():
    assert external_data({"data": {"values": [{"data": {"url": "x"}}]}}) is None


def test_a_worker_that_was_killed_is_replaced(worker):
    worker.svg(BAR)
    first = worker._process
    first.kill()
    first.wait()
    assert "<svg" in worker.svg(BAR)
    assert worker._process.pid != first.pid


def test_a_chart_that_never_ends_is_stopped():
    impatient = ChartWorker(timeout_s=1.0)
    try:
        with pytest.raises(ChartError, match="within 1 s"):
            impatient.svg({"data": {"sequence": {"start": 0, "stop": 4e8}}, "mark": "bar"})
        assert impatient._process is None
    finally:
        impatient.close()


@pytest.mark.parametrize(
    ("schema", "chosen"),
    [("vega-lite/v5.20.1.json", "5.21"), ("vega-lite/v6.json", "6.4"), ("vega-lite/v9.0.json", "6.4"), ("", "6.4")],
)
def test_the_newest_version_of_the_same_major(schema, chosen):
    known = ["5.8", "5.21", "6.1", "6.4"]
    assert version_of({"$schema": f"x/{schema}"}, "6.4", known) == chosen
