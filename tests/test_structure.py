"""The rules of the house that a tool can check: layers, pure domain code, one place for SQL, the lock."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib

DOMAIN = (
    "materials", "stack", "formats", "rules", "electrical", "thermal", "mechanics", "cost", "planning", "process",
    "validation",
)  # fmt: skip
HEAVY = {"duckdb", "ipywidgets", "altair", "papermill", "IPython", "voila", "selenium", "pythreejs"}
BANNED_NAMES = {"utils", "util", "helpers", "helper", "manager", "core", "common", "misc"}
SQL = re.compile(r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|CREATE\s+(TABLE|VIEW)|DELETE\s+FROM|UPDATE\s+\w+\s+SET)\b", re.S)


def sources(root, *tops):
    return [f for top in tops for f in sorted((root / top).rglob("*.py"))]


def test_imports_point_only_downwards(root):
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports_command as c; c(['--no-cache'])"],
        cwd=root, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 kept, 0 broken" in done.stdout


def test_domain_code_knows_no_store_screen_or_runner(root):
    for package in DOMAIN:
        for file in sources(root, f"workbench/{package}"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not {n.split(".")[0] for n in names} & HEAVY, file


def test_sql_is_written_only_in_the_store(root):
    for file in sources(root, "workbench", "widgets"):
        if "store" in file.relative_to(root).parts:
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not SQL.search(node.value), f"{file}: {node.value[:60]}"


def test_folders_are_named_in_the_terms_of_the_field(root):
    for file in sources(root, "workbench", "widgets", "tests"):
        assert not {part.removesuffix(".py") for part in file.relative_to(root).parts} & BANNED_NAMES, file


def test_files_can_be_read_in_one_sitting(root):
    files = sources(root, "workbench", "widgets", "tests")
    assert not [f for f in files if len(f.read_text("utf-8").splitlines()) > 600]


def test_the_lock_holds_hashes_and_no_address(root):
    lock = (root / "requirements.lock").read_text("utf-8")
    assert "://" not in lock
    pinned = re.findall(r"^[A-Za-z0-9_.-]+==\S+", lock, re.M)
    entries = re.split(r"(?m)^(?=[A-Za-z0-9_.-]+==)", lock)[1:]
    assert len(entries) == len(pinned) > 100
    assert all("--hash=sha256:" in entry for entry in entries)


def test_the_lock_covers_what_the_project_declares(root):
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)==", (root / "requirements.lock").read_text("utf-8"), re.M)
    lock = {name.lower().replace("_", "-") for name in pinned}
    declared = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.match(r"[A-Za-z0-9_.-]+", d).group().lower().replace("_", "-") for d in declared}
    assert names <= lock


def test_no_gpl_among_the_dependencies():
    """Permissive licences only; a package that offers a choice, or the LGPL as an extra, would be listed here."""
    from importlib.metadata import distributions

    strong = []
    for dist in distributions():
        meta = dist.metadata
        words = " ".join([meta.get("License-Expression") or "", *(meta.get_all("Classifier") or [])])
        if re.search(r"\bA?GPL|GNU (Affero )?General Public", words) and not re.search(r"LGPL|Lesser| OR ", words):
            strong.append(meta["Name"])
    assert not strong


def test_nothing_names_the_workplace(root):
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True)
    if tracked.returncode:  # an exported tree: nothing to list
        return
    words = [r"(?<![\w.])/" + r"work/(main|shared)", r"\." + r"library\b", "bash" + "_jobs"]
    places = re.compile("|".join(words))
    for name in filter(None, tracked.stdout.split("\0")):
        file = root / name
        if file.suffix in (".png", ".onnx") or not file.is_file():
            continue
        assert not places.search(file.read_text("utf-8", errors="replace")), name
