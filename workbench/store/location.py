"""Where the store is: one URL names a file, or a PostgreSQL catalogue with its folder of Parquet files.

``/path/to/store.duckdb`` or ``file:/path`` is mode 1; ``ducklake:postgres:<libpq words>`` is mode 2.
Nothing here opens anything.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import StoreError

LAKE_PREFIX = "ducklake:postgres:"
# File systems on which neither a write-ahead log nor a lock can be trusted (sqlite and DuckDB say the same).
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "9p", "ncpfs", "lustre", "ceph", "beegfs", "gpfs",
     "fuse.sshfs", "fuse.s3fs", "fuse.glusterfs", "fuse.rclone", "fuse.ceph", "davfs", "fuse.davfs2", "webdav",
     "glusterfs", "afpfs"}
)  # fmt: skip


def home() -> Path:
    """Folder of everything made at run time: $WORKBENCH_HOME, else ``var`` beside the package's source tree."""
    told = os.environ.get("WORKBENCH_HOME")
    if told:
        return Path(told).expanduser().absolute()
    tree = Path(__file__).resolve().parents[2]
    if (tree / "pyproject.toml").is_file():
        return tree / "var"
    return Path("~/.local/share/chiplet-workbench").expanduser()  # installed from a wheel: there is no source tree


@dataclass(frozen=True)
class Location:
    """A store's address: `path` in mode "file"; `libpq` and `data_path` in mode "ducklake"."""

    mode: str
    path: Path | None = None
    libpq: str = ""
    data_path: Path | None = None

    @property
    def url(self) -> str:
        """The address as given, to open it again. May hold a password: show `public` instead."""
        return str(self.path) if self.mode == "file" else LAKE_PREFIX + self.libpq

    @property
    def public(self) -> str:
        """The address without its password."""
        masked = re.sub(r"(password\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)", r"\1***", self.url)
        return re.sub(r"(://[^:/@]*:)[^@]*(@)", r"\1***\2", masked)


def locate(url: str | os.PathLike | None = None) -> Location:
    """Read a store's URL: the argument, else $WORKBENCH_STORE, else the file in `home()`.

    Raises StoreError for an address of neither kind.
    """
    text = os.fspath(url) if url is not None else os.environ.get("WORKBENCH_STORE") or str(home() / "workbench.duckdb")
    if text.startswith("ducklake:"):
        if not text.startswith(LAKE_PREFIX) or not text[len(LAKE_PREFIX) :].strip():
            raise StoreError("store.url", got=text, allowed=f"PATH.duckdb | {LAKE_PREFIX}dbname=... host=...")
        data = os.environ.get("WORKBENCH_STORE_DATA") or str(home() / "lake")
        return Location("ducklake", libpq=text[len(LAKE_PREFIX) :].strip(), data_path=_data_path(data))
    if re.match(r"[a-z][a-z0-9+]+:", text) and not text.startswith("file:"):  # one letter would be a Windows drive
        raise StoreError("store.url", got=text, allowed=f"PATH.duckdb | {LAKE_PREFIX}dbname=... host=...")
    path = Path(text.removeprefix("file://").removeprefix("file:")).expanduser().absolute()
    return Location("file", path=path)


def _data_path(text: str) -> Path:
    # DuckLake keeps this path inside its catalogue, so it has to mean the same from any folder.
    if "://" in text:  # object storage needs one more extension and a way to keep its secrets: not there yet
        raise StoreError("store.data_path", got=text)
    return Path(text).expanduser().absolute()


def file_system_of(path: Path) -> str:
    """Type of the file system that holds `path` (``ext4``, ``nfs4``), empty where the system does not say."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    except OSError:
        return _file_system_by_psutil(path)
    there = _existing(path)
    best, kind = "", ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        mount = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), left.split()[4])
        inside = mount == "/" or there == mount or there.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, right.split()[0]
    return kind


def _existing(path: Path) -> str:
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return str(path.resolve())


def _file_system_by_psutil(path: Path) -> str:
    import psutil  # 50 ms to import: only where there is no /proc

    there, best, kind = _existing(path), "", ""
    for part in psutil.disk_partitions(all=True):
        if there.startswith(part.mountpoint) and len(part.mountpoint) >= len(best):
            best, kind = part.mountpoint, part.fstype
    if os.name == "nt" and there.startswith("\\\\"):
        return "smb"
    return kind.lower()
