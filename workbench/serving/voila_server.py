"""The page server: a stand-alone Voila that serves the start page, the notebooks' pages, and nothing else.

Voila itself is used unchanged for what it does well (running cells, widgets in the browser). Its folder tree,
contents, files and login addresses are not there; see docs/decisions/005-serving-local.md.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_server.utils import url_path_join
from tornado.ioloop import IOLoop, PeriodicCallback
from traitlets.config import Config
from voila.app import Voila

from workbench.serving.kernels import WorkbenchKernels, socket_root
from workbench.serving.loopback import LOOPBACK
from workbench.serving.pages import MissingHandler, PageHandler, SiteFiles, StartHandler

TEMPLATE = "workbench"
EXTENSIONS = (
    "@voila-dashboards/widgets-manager8",  # without it no widget renders
    "@jupyter-widgets/jupyterlab-manager",
    "jupyter-threejs",
    "jupyterlab-datawidgets",
    "anywidget",
)
# A kernel whose page is closed goes when the page says so; one whose page just vanished goes after this long.
# A page that is still open keeps its kernel: an engineer may leave it for lunch.
IDLE_S, LOOK_EVERY_S = 900, 60
DEAD_EVERY_S = 5
# Addresses of Voila that a page needs: kernels and their channel, the bundle, widgets, themes, the end of a page.
_NEEDED = re.compile(r"/api/kernels/|/voila/(templates|static|labextensions|api/themes|api/shutdown)/")


class PageServer(Voila):
    """Voila without configuration files: what it does is written here and nowhere else."""

    site: Path
    when_ready: Callable[[str], None]
    config_file_paths: list[str] = []  # a voila.json or voila.py in the current folder must not change anything

    def init_settings(self) -> dict[str, Any]:
        settings = super().init_settings()
        # Voila allows any Host header, so a foreign page could reach this server under its own name (DNS rebinding).
        settings["allow_remote_access"] = False
        settings["xsrf_cookie_kwargs"] = {"samesite": "Strict"}
        settings["default_handler_class"] = MissingHandler
        settings["default_handler_args"] = self._arguments()
        settings["log_function"] = _log_request
        return settings

    def init_handlers(self) -> list[Any]:
        kept = [rule for rule in super().init_handlers() if _NEEDED.search(rule[0])]
        arguments = self._arguments()
        return [
            *kept,
            (self.server_url, StartHandler, arguments),
            (url_path_join(self.server_url, r"/voila/render/(.+)"), PageHandler, arguments),
            (url_path_join(self.server_url, r"/reports/(.*)"), SiteFiles, arguments),
            (url_path_join(self.server_url, r"/.*"), MissingHandler, arguments),
        ]

    def _arguments(self) -> dict[str, Any]:
        return {
            "voila_configuration": self.voila_configuration,
            "template_paths": self.template_paths,
            "config": self.config,
            "folder": Path(self.root_dir),
            "site": self.site,
        }

    def listen(self) -> None:
        IOLoop.current().add_callback(self._ready, self.open_browser)  # runs once the port is bound
        self.open_browser = False
        PeriodicCallback(self._drop_dead_kernels, 1000 * DEAD_EVERY_S).start()
        super().listen()

    async def _drop_dead_kernels(self) -> None:
        """Forget kernels that ended by themselves, so that their pages learn of it and others may open."""
        for kernel_id in self.kernel_manager.list_kernel_ids():
            if not await self.kernel_manager.get_kernel(kernel_id).is_alive():
                await self.kernel_manager.shutdown_kernel(kernel_id, now=True)

    def _ready(self, browse: bool) -> None:
        address = f"http://{self.ip}:{self.port}{self.base_url}"
        self.when_ready(address)
        if browse:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _log_request(handler: Any) -> None:
    """One line for refused and failed requests only: a page makes some fifty good ones."""
    if handler.get_status() >= 400:
        logging.getLogger("workbench.serving").info(
            "%s %s %s", handler.get_status(), handler.request.method, handler.request.path
        )


def configuration(*, folder: Path, port: int, address: str = LOOPBACK, browser: bool = False) -> Config:
    """The whole configuration of the page server, as traitlets."""
    config = Config()
    config.Voila.ip, config.Voila.port, config.Voila.port_retries = address, port, 0
    config.Voila.root_dir, config.Voila.open_browser = str(folder), browser
    config.Voila.log_level = logging.ERROR  # faults of pages and kernels; Voila's warnings are about its own habits
    config.Voila.tornado_settings = {"ws_ping_interval": 30_000, "ws_ping_timeout": 30_000}
    config.Voila.cookie_secret = secrets.token_bytes(32)
    config.VoilaConfiguration.template = TEMPLATE
    config.VoilaConfiguration.theme = "light"
    config.VoilaConfiguration.allow_template_override = "NO"
    config.VoilaConfiguration.allow_theme_override = "NO"
    config.VoilaConfiguration.strip_sources = True
    config.VoilaConfiguration.show_tracebacks = False
    config.VoilaConfiguration.file_allowlist = []
    config.VoilaConfiguration.extension_allowlist = list(EXTENSIONS)
    config.VoilaConfiguration.extension_denylist = []
    config.VoilaConfiguration.kernel_spec_manager_class = WorkbenchKernels
    # A kernel started anew knows nothing of its page: better an end in words than sliders that do nothing.
    config.KernelManager.autorestart = False
    config.KernelManager.shutdown_wait_time = 2.0  # it holds nothing that a page could lose
    if root := socket_root():  # sockets in a private folder instead of ports that any user of the machine can reach
        config.KernelManager.transport = "ipc"
        config.Voila.connection_dir_root = root
    config.MappingKernelManager.cull_idle_timeout = IDLE_S
    config.MappingKernelManager.cull_interval = LOOK_EVERY_S
    config.MappingKernelManager.cull_connected = False
    config.MappingKernelManager.root_dir = str(folder)
    config.ContentsManager.root_dir = str(folder)
    config.ContentsManager.allow_hidden = False
    return config


def use_own_templates() -> None:
    """Let Voila find our template; personal Jupyter settings of the user are left aside."""
    ours = str(Path(__file__).with_name("templates"))
    others = os.environ.get("JUPYTER_PATH", "")
    if ours not in others.split(os.pathsep):
        os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [ours, others]))


def serve(
    *,
    folder: Path,
    site: Path,
    port: int,
    address: str = LOOPBACK,
    browser: bool = False,
    when_ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve the pages of `folder` and the reports of `site` until interrupted."""
    use_own_templates()
    server = PageServer.instance(config=configuration(folder=folder, port=port, address=address, browser=browser))
    server.site, server.when_ready = site, when_ready
    server.initialize([])
    server.start()
