"""Notebooks hold parameters, calls and words: what else they could hold belongs into the packages."""

from __future__ import annotations

import ast
import json
import re

import pytest

from workbench.i18n import LANGUAGES
from workbench.runs import notebooks
from workbench.runs.notebooks import Notebook

FOLDER = notebooks.Path(__file__).resolve().parents[2] / "notebooks"
FILES = sorted(f for f in FOLDER.rglob("*.ipynb") if ".ipynb_checkpoints" not in f.parts)
SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|CREATE\s+(TABLE|VIEW)|UPDATE\s+\w+\s+SET|DELETE\s+FROM)\b", re.I | re.S
)
BANNED = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.Try, ast.With, ast.If,
    ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp,
)  # fmt: skip
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(params=FILES, ids=lambda f: f.stem)
def notebook(request) -> Notebook:
    return notebooks.read(request.param, request.param.relative_to(FOLDER).with_suffix("").as_posix())


def code(notebook: Notebook) -> list[dict]:
    return [cell for cell in notebook.document["cells"] if cell["cell_type"] == "code"]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def test_there_are_the_three():
    assert {f.stem for f in FILES} >= {"stack_design", "process_window", "benchmark_review"}


def test_its_name_is_its_own():
    """`workbench run stack_design` must mean one notebook."""
    stems = [f.stem for f in FILES]
    assert len(stems) == len(set(stems))


def test_it_declares_itself(notebook):
    declared = notebook.declared
    assert set(declared) <= {"title", "description", "parameters", "subject", "reads", "nightly"}
    assert set(declared["title"]) == set(LANGUAGES)
    assert all(declared["title"].values())
    assert CHINESE.search(declared["title"]["zh-Hant"])
    assert notebook.subject is None or notebook.subject.of
    assert notebook.document["nbformat"] == 4
    assert notebook.document["metadata"]["kernelspec"]["language"] == "python"


def test_its_parameters_cell_is_its_declaration(notebook):
    """One cell of plain literals, each with the default that the class declares, in the declared order."""
    tagged = [cell for cell in code(notebook) if "parameters" in cell["metadata"].get("tags", [])]
    assert len(tagged) == 1
    assert tagged[0] is code(notebook)[0]
    assigned = {}
    for statement in ast.parse(source(tagged[0])).body:
        assert isinstance(statement, ast.Assign)
        assert [type(target) for target in statement.targets] == [ast.Name]
        assigned[statement.targets[0].id] = ast.literal_eval(statement.value)
    declared = notebook.parameters().as_dict()
    assert list(assigned) == list(declared)
    assert {name: (type(value), value) for name, value in assigned.items()} == {
        name: (type(value), value) for name, value in declared.items()
    }
    assert not any(field.required for field in notebook.parameters.fields())


def test_it_is_thin(notebook):
    lambdas = 0
    for cell in code(notebook):
        tree = ast.parse(source(cell))
        for node in ast.walk(tree):
            assert not isinstance(node, BANNED), f"{type(node).__name__} in: {source(cell)}"
            lambdas += isinstance(node, ast.Lambda)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not SQL.search(node.value)
        if "parameters" not in cell["metadata"].get("tags", []):  # as long as the declaration it must equal
            assert len(source(cell).splitlines()) <= 25
    assert lambdas <= 1
    first, second = source(code(notebook)[1]), code(notebook)[1]
    assert ".from_cell(globals())" in first
    assert "runs.current(p)" in first
    assert "tags" not in second["metadata"]


def test_it_stores_no_result(notebook):
    for cell in code(notebook):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
    assert "widgets" not in notebook.document["metadata"]
    assert "papermill" not in json.dumps(notebook.document["metadata"])


def test_its_words_are_in_both_languages(notebook):
    words = [source(cell) for cell in notebook.document["cells"] if cell["cell_type"] == "markdown"]
    assert words
    for text in words:
        assert CHINESE.search(text), text
        assert re.search(r"[A-Za-z]{3}", CHINESE.sub("", text)), text
        assert "://" not in text  # a report names no external address


def test_what_it_reads_of_a_whole_kind_is_declared(notebook):
    """A list of all subjects in its calls means: any of them may change the result, so the run key must count all."""
    calls = "\n".join(source(cell) for cell in code(notebook))
    whole = {
        "system": r"benchmarks\.(systems|results)\(\s*\)",
        "design": r"designs\.list\(\s*\)",
        "experiment": r"lots\.list\(\s*\)",
    }
    for kind, pattern in whole.items():
        if re.search(pattern, calls):
            assert kind in notebook.reads, f'add "reads": ["{kind}"] to its workbench metadata'
