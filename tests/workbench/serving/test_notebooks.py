from __future__ import annotations

import json

import pytest

from workbench.errors import InputError
from workbench.serving.notebooks import notebooks_folder, pages


def write(folder, path, metadata):
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"metadata": {"workbench": metadata}, "cells": [], "nbformat": 4, "nbformat_minor": 5}))


TITLED = {"title": {"en": "A", "zh-Hant": "甲"}}


def test_pages_come_in_the_order_of_the_work(tmp_path):
    for path in ("validation/b.ipynb", "other/x.ipynb", "process/p.ipynb", "design/s.ipynb"):
        write(tmp_path, path, TITLED)
    assert [page.path for page in pages(tmp_path)] == [
        "design/s.ipynb", "process/p.ipynb", "validation/b.ipynb", "other/x.ipynb",
    ]  # fmt: skip


def test_what_is_nobodys_page_is_left_out(tmp_path):
    write(tmp_path, "design/untitled.ipynb", {"title": {"en": "only English"}})
    write(tmp_path, "design/.ipynb_checkpoints/s-checkpoint.ipynb", TITLED)
    (tmp_path / "design" / "broken.ipynb").write_text("{")
    assert pages(tmp_path) == ()


def test_a_page_knows_its_declaration(tmp_path):
    write(tmp_path, "design/s.ipynb", {**TITLED, "parameters": "workbench.schema:Parameters"})
    write(tmp_path, "design/t.ipynb", TITLED)
    with_one, without = pages(tmp_path)
    assert with_one.declaration().__name__ == "Parameters"
    assert without.declaration() is None


def test_the_folder_is_the_projects_unless_told(root, tmp_path, monkeypatch):
    monkeypatch.delenv("WORKBENCH_NOTEBOOKS", raising=False)
    assert notebooks_folder() == root / "notebooks"
    monkeypatch.setenv("WORKBENCH_NOTEBOOKS", str(tmp_path))
    assert notebooks_folder() == tmp_path
    monkeypatch.setenv("WORKBENCH_NOTEBOOKS", str(tmp_path / "absent"))
    with pytest.raises(InputError, match="does not exist"):
        notebooks_folder()


def test_every_notebook_of_the_project_is_a_page_whose_declaration_loads(root):
    folder = root / "notebooks"
    found = pages(folder)
    assert {page.path for page in found} == {
        file.relative_to(folder).as_posix() for file in folder.glob("[a-z]*/[a-z]*.ipynb")
    }
    for page in found:
        assert page.declaration().fields()
