from __future__ import annotations

import copy
import json
from pathlib import Path

import nbformat
import pytest

import workbench.serving.lab as lab


def executed() -> dict:
    cell = nbformat.v4.new_code_cell(
        "1 + 1", execution_count=4, metadata={"tags": ["parameters"], "execution": {"shell.execute_reply": "2026"}}
    )
    cell.outputs = [nbformat.v4.new_output("stream", text="2")]
    return nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_markdown_cell("x")], metadata={"widgets": {"a": 1}})


def test_notebooks_of_the_repository_are_saved_without_outputs():
    model = {"type": "notebook", "content": executed()}
    lab.keep_notebooks_clean(model=model, path="/notebooks/design/s.ipynb", contents_manager=None)
    code = model["content"]["cells"][0]
    assert (code["outputs"], code["execution_count"]) == ([], None)
    assert code["metadata"] == {"tags": ["parameters"]}
    assert "widgets" not in model["content"]["metadata"]
    nbformat.validate(model["content"])


@pytest.mark.parametrize(
    ("kind", "path"), [("notebook", "scratch/s.ipynb"), ("notebook", "notebooks.ipynb"), ("file", "notebooks/x.txt")]
)
def test_other_files_are_saved_as_they_are(kind, path):
    content = executed()
    model = {"type": kind, "content": copy.deepcopy(content)}
    lab.keep_notebooks_clean(model=model, path=path)
    assert model["content"] == content


def test_lab_asks_no_network_and_keeps_its_token(tmp_path):
    given = dict(
        word.removeprefix("--").split("=", 1)
        for word in lab.settings(folder=tmp_path / "notebooks", home=tmp_path, port=8888, token="t0ken", browser=False)
    )
    assert given["ServerApp.ip"] == "127.0.0.1"
    assert given["IdentityProvider.token"] == "t0ken"
    assert given["ServerApp.allow_remote_access"] == "False"
    assert given["LabApp.news_url"] == "None"
    assert given["LabApp.check_for_updates_class"] == "jupyterlab.NeverCheckForUpdate"
    assert given["LabApp.extension_manager"] == "readonly"
    assert given["ServerApp.root_dir"] == str(tmp_path)
    folder = Path(given["LabApp.app_settings_dir"])
    disabled = json.loads((folder / "page_config.json").read_text())["disabledExtensions"]
    assert disabled["@jupyterlab/apputils-extension:announcements"] is True
    asked = json.loads((folder / "overrides.json").read_text())["@jupyterlab/apputils-extension:notification"]
    assert asked["fetchNews"] == "false"
    assert asked["checkForUpdates"] is False
