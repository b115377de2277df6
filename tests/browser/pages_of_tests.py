"""Small notebooks that a test can predict: widgets that compute, a chart, 3D, and every way to fail."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

DECLARATION = """
from workbench.schema import Parameters, quantity
class Study(Parameters):
    wafer_diameter_mm: float = quantity("Wafer diameter", "晶圓直徑", ge=100, le=450, default=300)
"""
WIDGETS = """
import math
import altair as alt, ipywidgets as w, pandas as pd, pythreejs as three, vl_convert
from IPython.display import SVG, display
given = w.FloatText(value=wafer_diameter_mm)
area = w.HTML()
def compute(change=None):
    area.value = f"<b id='area'>{math.pi * given.value**2 / 4:.0f}</b>"
given.observe(compute, "value")
compute()
display(given, area)
"""
PLAIN = """
import ipywidgets as w
w.HTML("<b id='area'>plain</b>")
"""
CHART = """
spec = alt.Chart(pd.DataFrame({"x": [1, 2, 3], "y": [2, 4, 3]})).mark_bar().encode(x="x:O", y="y").to_dict()
SVG(vl_convert.vegalite_to_svg(spec))
"""
SCENE = """
mesh = three.Mesh(three.BoxGeometry(1, 1, 1), three.MeshBasicMaterial(color="#ff0000"))
camera = three.PerspectiveCamera(position=[2, 2, 2])
camera.lookAt([0, 0, 0])
display(three.Renderer(camera=camera, scene=three.Scene(children=[mesh]), width=200, height=150))
"""
REFUSES = """
from workbench.errors import InputError
raise InputError("param.out_of_range", where="bond_line_um", got="0 um", allowed="1 ... 100 um")
"""


def write(folder: Path) -> None:
    """Write the declaration's module into `folder` and the notebooks into its `notebooks/design`."""
    (folder / "study_of_tests.py").write_text(DECLARATION, "utf-8")
    parameters = new_code_cell("wafer_diameter_mm = 300.0", metadata={"tags": ["parameters"]})
    before, after = new_markdown_cell("# Before"), new_markdown_cell("# After")
    notebooks = {
        "live": [parameters, new_markdown_cell("# Study 分析"), *map(new_code_cell, (WIDGETS, CHART, SCENE))],
        "plain": [before, new_code_cell(PLAIN)],
        "refuses": [before, new_code_cell(REFUSES), after],
        "fails": [before, new_code_cell("secret = 'hidden'\n1 / 0"), after],
        "dies": [before, new_code_cell("import os; os._exit(1)"), after],
    }
    for name, cells in notebooks.items():
        title = {"en": f"Study that {name}", "zh-Hant": f"測試 {name}"}
        metadata = {
            "workbench": {"title": title, "parameters": "study_of_tests:Study"},
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        }
        notebook = new_notebook(cells=[nbformat.from_dict(dict(cell)) for cell in cells], metadata=metadata)
        file = folder / "notebooks" / "design" / f"{name}.ipynb"
        file.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, file)
