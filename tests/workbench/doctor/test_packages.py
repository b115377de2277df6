from __future__ import annotations

import pytest

from workbench.doctor import packages

LOCK = """\
alpha==1.0 \\
    --hash=sha256:00
    # via beta
beta-two==2.1 ; python_full_version >= '3.11' \\
    --hash=sha256:01
winonly==3.0 ; sys_platform == 'no-such-system' \\
    --hash=sha256:02
"""


def test_the_lock_is_read_for_this_system():
    assert packages.locked(LOCK) == {"alpha": "1.0", "beta-two": "2.1"}


@pytest.mark.parametrize(
    ("version", "state"), [("3.11.0", "ok"), ("3.14.1", "ok"), ("3.10.14", "missing"), ("2.7", "missing")]
)
def test_python(version, state):
    found = packages.python(version)
    assert found.state == state
    assert version in found.sentence("en")
    assert bool(found.cure) == (state == "missing")


def test_what_is_needed_follows_requirements_but_not_extras_or_other_systems():
    requires = {"a": ["B_b>=1", "c; sys_platform == 'no-such-system'", "d; extra == 'dev'"], "b-b": ["a"]}
    assert packages.needed_at_run_time(["a>=1"], requires.get) == {"a", "b-b"}


PINNED = {"alpha": "1.0", "beta": "2.0", "pytest": "8.0"}


@pytest.mark.parametrize(
    ("present", "state", "told"),
    [
        ({"alpha": "1.0", "beta": "2.0"}, "ok", "2 packages"),
        ({"alpha": "1.0", "beta": "2.0.0"}, "ok", "2 packages"),
        ({"alpha": "1.0", "beta": "2.1"}, "warning", "beta 2.1 (2.0)"),
        ({"beta": "2.1"}, "missing", "alpha"),
        ({}, "missing", "alpha, beta"),
    ],
)
def test_installed_packages_are_compared_with_the_lock(present, state, told):
    found = packages.packages(PINNED, {"alpha", "beta"}, present)
    assert found.state == state
    assert told in found.sentence("en")
    assert bool(found.cure) == (state != "ok")


def test_the_cure_fits_how_the_environment_was_made(monkeypatch):
    monkeypatch.setenv("CONDA_PREFIX", "/opt/conda/envs/x")
    assert packages.packages(PINNED, {"alpha"}, {}).cure.startswith("conda env update")
    monkeypatch.delenv("CONDA_PREFIX")
    assert packages.packages(PINNED, {"alpha"}, {}).cure.startswith("make")


@pytest.mark.parametrize(
    ("declared", "state"), [(["alpha>=1"], "ok"), (["alpha>=1", "gamma"], "warning"), (["alpha>=1.1"], "warning")]
)
def test_the_lock_is_compared_with_what_the_project_declares(declared, state):
    assert packages.lock_is_current(declared, PINNED).state == state


def test_without_a_source_tree_there_is_no_lock_to_compare(tmp_path):
    assert [found.state for found in packages.examine_packages(tmp_path)] == ["ok", "ok"]


def test_this_environment_has_what_the_lock_says(root):
    assert [found.sentence("en") for found in packages.examine_packages(root) if found.state != "ok"] == []
