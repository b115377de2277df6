from __future__ import annotations

import stat
import sys

import pytest

from workbench.doctor import machine


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A path with only the programs that a test puts there; each prints a line and exits with a code."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for name in ("CHROME", "CHROMEDRIVER"):
        monkeypatch.delenv(name, raising=False)

    def put(name: str, says: str = "", code: int = 0) -> None:
        file = folder / name
        file.write_text(f"#!{sys.executable}\nimport sys\nprint({says!r})\nsys.exit({code})\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    return put


@pytest.mark.parametrize(
    ("listed", "state"),
    [("DejaVu Sans\nNoto Sans CJK TC,Noto Sans CJK TC Bold", "ok"), ("AR PL UMing TW", "warning"), ("", "warning")],
)
def test_fonts_by_fontconfig(programs, listed, state):
    programs("fc-list", listed)
    found = machine.fonts("linux")
    assert found.state == state
    assert ("fonts-noto-cjk" in found.cure) == (state == "warning")


def test_fonts_without_fontconfig_are_looked_for_in_their_folders(programs, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "FONT_FOLDERS", (tmp_path / "fonts",))
    assert machine.fonts("linux").state == "warning"
    (tmp_path / "fonts" / "noto").mkdir(parents=True)
    (tmp_path / "fonts" / "noto" / "NotoSansCJK-Regular.ttc").touch()
    assert machine.fonts("linux").state == "ok"
    assert machine.fonts("win32").state == "ok"


@pytest.mark.parametrize(
    ("chromium", "driver", "state", "told"),
    [
        ("Chromium 156.0.8078.79 built on Debian", "ChromeDriver 156.0.8078.12 (a21)", "ok", "156.0.8078.79"),
        ("Chromium 156.0.8078.79", "ChromeDriver 155.0.1.2", "warning", "155.0.1.2"),
        ("Chromium 156.0.8078.79", None, "warning", "chromedriver"),
        (None, "ChromeDriver 156.0.8078.12", "warning", "Chromium"),
        (None, None, "warning", "Chromium + chromedriver"),
        ("no version here", "ChromeDriver 156.0.8078.12", "warning", "does not start"),
    ],
)
def test_the_browser_and_its_driver_must_match(programs, chromium, driver, state, told):
    for name, says in (("chromium", chromium), ("chromedriver", driver)):
        if says is not None:
            programs(name, says)
    found = machine.browser()
    assert found.state == state
    assert told in found.sentence("en")
    if state == "warning":
        assert "PDF" in found.sentence("en")
        assert "apt-get install -y chromium chromium-driver" in found.cure


@pytest.mark.parametrize(("free_gb", "state"), [(0.1, "missing"), (1.0, "warning"), (50.0, "ok")])
def test_disk(tmp_path, monkeypatch, free_gb, state):
    usage = type("Usage", (), {"free": int(free_gb * 1e9)})
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: usage)
    found = machine.disk(tmp_path / "not" / "yet" / "there")
    assert found.state == state
    assert f"{free_gb:.1f} GB" in found.sentence("en")


def test_the_sandbox_must_be_there_and_allowed(programs):
    assert "not installed" in machine.sandbox().sentence("en")
    programs("bwrap", code=1)
    assert "not allowed" in machine.sandbox().sentence("en")
    programs("bwrap")
    assert machine.sandbox().state == "ok"


def test_process_start():
    assert machine.process_start(True).state == "ok"
    assert "warm kernels" in machine.process_start(False).sentence("en")


def test_git(programs, tmp_path):
    assert "not installed" in machine.git(tmp_path).sentence("en")
    programs("git", "fatal: not a git repository", code=128)
    assert "no git clone" in machine.git(tmp_path).sentence("en")
    programs("git", "abc1234")
    assert machine.git(tmp_path).sentence("en").startswith("abc1234")


def test_a_program_that_does_not_end_is_given_up(programs, monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "PATIENCE_S", 0.3)
    assert machine.answer(sys.executable, "-c", "import time; time.sleep(30)") is None
