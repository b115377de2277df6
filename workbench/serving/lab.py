"""JupyterLab on this machine: our kernel, no questions to any network, clean notebooks in the repository."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_runtime_dir

from workbench.serving.kernels import holds_sockets
from workbench.serving.loopback import LOOPBACK


def keep_notebooks_clean(model: dict[str, Any], path: str, **_: Any) -> None:
    """Jupyter's pre-save hook: notebooks of `notebooks/` are written without outputs, counts and widget state.

    The screen keeps its outputs; only the file, which belongs to the repository, does not. Other notebooks of the
    engineer are saved as they are.
    """
    if model.get("type") != "notebook" or not path.strip("/").startswith("notebooks/"):
        return
    content = model["content"]
    content.get("metadata", {}).pop("widgets", None)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
            for passing in ("execution", "collapsed", "scrolled"):
                cell["metadata"].pop(passing, None)


def settings(*, folder: Path, home: Path, port: int, token: str, browser: bool) -> list[str]:
    """JupyterLab's whole configuration, as its own command line takes it."""
    own = home / "jupyterlab"
    given = {
        "ServerApp.ip": LOOPBACK,
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder.parent,
        "ServerApp.open_browser": browser,
        "ServerApp.allow_remote_access": False,
        "Application.log_level": "ERROR",
        "ServerApp.allow_root": hasattr(os, "geteuid") and os.geteuid() == 0,  # containers: one user, and it is root
        "ServerApp.jpserver_extensions": "jupyter_lsp=True",  # its editor asks for it; no server of languages comes
        "ServerApp.kernel_spec_manager_class": "workbench.serving.kernels.WorkbenchKernels",
        "IdentityProvider.token": token,
        "FileContentsManager.preferred_dir": folder,
        "FileContentsManager.pre_save_hook": "workbench.serving.lab.keep_notebooks_clean",
        "LabApp.app_settings_dir": Path(__file__).with_name("templates") / "lab",
        "LabApp.user_settings_dir": own / "settings",
        "LabApp.workspaces_dir": own / "workspaces",
        "LabApp.extension_manager": "readonly",
        "LabApp.news_url": "None",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    if holds_sockets(jupyter_runtime_dir()):
        given["KernelManager.transport"] = "ipc"
    return [f"--{name}={value}" for name, value in given.items()]


def open_lab(
    *, folder: Path, home: Path, port: int, browser: bool, when_ready: Callable[[str], None] = lambda address: None
) -> None:
    """Run JupyterLab with `folder` open, until interrupted. `when_ready` hears the address with its token."""
    os.environ["JUPYTER_NO_CONFIG"] = "1"  # another project's Jupyter settings must not open this one to a network

    from jupyterlab.labapp import LabApp

    token = secrets.token_hex(24)
    server = LabApp.initialize_server(settings(folder=folder, home=home, port=port, token=token, browser=browser))
    when_ready(f"http://{LOOPBACK}:{port}/lab?token={token}")  # the port is bound by now
    server.start()
