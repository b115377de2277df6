"""Rules of the package itself: nothing is changed or removed, nothing heavy is imported, no connection is shared."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tokenize
from pathlib import Path

from click.testing import CliRunner

from workbench.cli.store import command
from workbench.store import Store

PACKAGE = Path(sys.modules["workbench.store"].__file__).parent
CHANGING = re.compile(r"\b(UPDATE\s+\w|DELETE\s+FROM|TRUNCATE|INSERT\s+OR\s|ON\s+CONFLICT|MERGE\s+INTO|DROP\s+TABLE)")


def strings(path: Path) -> list[str]:
    """Every string of a source file that is not a docstring; f-strings with their holes."""
    tokens = list(tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline))
    quiet = {tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT}
    found, before = [], tokenize.NEWLINE
    for token in tokens:
        if token.type == tokenize.STRING and before not in (tokenize.NEWLINE, tokenize.ENCODING):
            found.append(token.string)
        if token.type not in quiet:
            before = token.type
    return found


def test_the_schema_is_append_only():
    """No statement of the package changes or removes a row, as the decision wants it."""
    sources = sorted(PACKAGE.glob("*.py"))
    assert len(sources) > 10
    statements = [text for path in sources for text in strings(path)]
    assert any("INSERT INTO" in text for text in statements), "the search sees the statements"
    assert [text for text in statements if CHANGING.search(text)] == []
    assert all(CHANGING.search(text) for text in ("UPDATE lots SET", "DELETE FROM lots", "DROP TABLE lots"))


def test_the_first_read_imports_little():
    """pandas costs more than the whole budget of a cold read; pydantic, click and psutil their share."""
    program = (
        "import sys; from workbench.store import Store; s = Store.open(sys.argv[1]); s.designs.list(); s.lots.list();"
        "s.audit.add(actor='a', action='b', subject_kind='k', subject_id='s', detail={});"
        "print([name for name in ('pandas', 'numpy', 'pyarrow', 'pydantic', 'psutil', 'portalocker', 'click')"
        " if name in sys.modules])"
    )
    command = [sys.executable, "-c", program, Store.open().url]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_command_line(tmp_path: Path):
    url = str(tmp_path / "x.duckdb")
    store = Store.open(url)
    store.designs.add_revision("d", {}, title="t", kind="k", author="a", note="")
    run = CliRunner().invoke

    facts = json.loads(run(command, ["info", "--json", "--url", url]).output)
    assert (facts["mode"], facts["rows"]["designs"], facts["snapshot"]) == ("file", 1, store.snapshot())
    assert "designs" in run(command, ["info", "--url", url]).output
    done = run(command, ["check", "--json", "--url", url])
    assert (done.exit_code, json.loads(done.output)) == (0, {"sound": True, "findings": []})
    record = json.loads(run(command, ["backup", "--json", "--url", url]).output)
    assert Path(record["path"]).parent == tmp_path / "backups"
    other = str(tmp_path / "y.duckdb")
    assert run(command, ["restore", record["path"], "--url", other]).exit_code == 0
    done = run(command, ["upgrade", "--url", other])
    assert (done.exit_code, done.output.strip()) == (0, "The store is up to date")

    import duckdb

    with duckdb.connect(other) as connection:
        connection.execute("UPDATE designs SET title = 'changed'")
    done = run(command, ["check", "--url", other], env={"WORKBENCH_LANG": "zh-Hant"})
    assert done.exit_code == 1
    assert "與寫入時的內容不符" in done.output
    missing = run(command, ["check", "--url", str(tmp_path / "no.duckdb")])
    assert missing.exception.rule == "store.missing"
    assert not (tmp_path / "no.duckdb").exists()
