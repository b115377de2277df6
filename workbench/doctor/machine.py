"""What the machine offers: fonts, browser, disk, sandbox, process start, git."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from workbench.doctor.finding import Finding, missing, ok, warning
from workbench.reports import pdf

FONT = "Noto Sans CJK"
FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("~/.local/share/fonts").expanduser())
NEEDED_GB, COMFORTABLE_GB = 0.5, 3.0
PATIENCE_S = 20


def install(*packages: str) -> str:
    """The command that installs Debian packages here (root needs no sudo)."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return f"{'' if root else 'sudo '}apt-get install -y {' '.join(packages)}"


def answer(*command: str) -> str | None:
    """What a program prints, None when it is absent, fails or does not end."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def fonts(platform: str = sys.platform) -> Finding:
    """Can charts and PDF show Chinese? Windows and macOS bring a font for it; elsewhere Noto Sans CJK is asked for."""
    if platform in ("win32", "darwin"):
        return ok("fonts", "doctor.fonts.system")
    listed = answer("fc-list", ":lang=zh-tw", "family")
    if listed is None:  # no fontconfig: look where fonts lie
        found = any(file for folder in FONT_FOLDERS for file in folder.rglob("NotoSansCJK*"))
    else:
        found = FONT in listed
    if found:
        return ok("fonts", "doctor.fonts.ok", font=FONT)
    return warning("fonts", "doctor.fonts.absent", cure=install("fonts-noto-cjk"), font=FONT)


def browser() -> Finding:
    """Chromium and its driver: both there, and of the same version?"""
    cure = install("chromium", "chromium-driver")
    chromium, driver = pdf.find("CHROME", pdf.BROWSERS), pdf.find("CHROMEDRIVER", pdf.DRIVERS)
    absent = [name for name, path in (("Chromium", chromium), ("chromedriver", driver)) if path is None]
    if absent or chromium is None or driver is None:
        return warning("browser", "doctor.browser.absent", cure=cure, names=" + ".join(absent))
    versions = [_version(answer(program, "--version")) for program in (chromium, driver)]
    if not all(versions):
        return warning("browser", "doctor.browser.silent", cure=cure, path=driver if versions[0] else chromium)
    if versions[0].split(".")[0] != versions[1].split(".")[0]:
        return warning("browser", "doctor.browser.differ", cure=cure, chromium=versions[0], driver=versions[1])
    return ok("browser", "doctor.browser.ok", version=versions[0])


def _version(said: str | None) -> str:
    match = re.search(r"\d+(\.\d+)+", said or "")
    return match.group() if match else ""


def disk(folder: Path) -> Finding:
    """Free space where the workbench keeps its data."""
    there = next(f for f in (folder, *folder.parents) if f.exists())
    free_gb = shutil.disk_usage(there).free / 1e9
    words = {"free": f"{free_gb:.1f}", "needed": f"{NEEDED_GB:.1f}", "folder": str(there)}
    cure = f"du -xh --max-depth=2 {there} | sort -h | tail"
    if free_gb < NEEDED_GB:
        return missing("disk", "doctor.disk.full", cure=cure, **words)
    if free_gb < COMFORTABLE_GB:
        return warning("disk", "doctor.disk.low", cure=cure, **words)
    return ok("disk", "doctor.disk.ok", **words)


def sandbox() -> Finding:
    """bubblewrap: present, and allowed to work here (some containers forbid it)?"""
    if shutil.which("bwrap") is None:
        return warning("sandbox", "doctor.sandbox.absent", cure=install("bubblewrap"))
    if answer("bwrap", "--ro-bind", "/", "/", "--unshare-net", "true") is None:
        return warning("sandbox", "doctor.sandbox.forbidden", cure="bwrap --ro-bind / / --unshare-net true")
    return ok("sandbox", "doctor.sandbox.ok")


def process_start(can_fork: bool = hasattr(os, "fork")) -> Finding:
    """Does this system start notebook runs by fork (fast), or by warm kernels?"""
    if can_fork:
        return ok("fork", "doctor.fork.ok")
    return warning("fork", "doctor.fork.absent", cure="")


def git(tree: Path) -> Finding:
    """git and a clone: a run records the version of the code it used."""
    if shutil.which("git") is None:
        return warning("git", "doctor.git.absent", cure=install("git"))
    version = answer("git", "-C", str(tree), "rev-parse", "--short", "HEAD")
    if version is None:
        return warning("git", "doctor.git.no_clone", cure=f"git -C {tree} status", folder=str(tree))
    return ok("git", "doctor.git.ok", version=version)
