"""What the page server answers: the start page, a notebook's page, and errors in words. Nothing else is served."""

from __future__ import annotations

import http
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jupyter_core.utils import ensure_async
from tornado import web
from tornado.iostream import StreamClosedError
from voila.handler import BaseVoilaHandler
from voila.utils import get_page_config

from workbench.errors import BusyError, InputError, WorkbenchError
from workbench.i18n import language, t
from workbench.reports import look
from workbench.serving.kernels import KERNEL, kernel_environment
from workbench.serving.notebooks import Page, pages
from workbench.serving.query import given_values, inject
from workbench.serving.rendering import PageRenderer

MAX_KERNELS = 12  # each page's kernel holds 200-300 MB

# Everything comes from this server. Voila's bundle compiles schemas (eval) and sets styles in the page.
CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws: data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class WordsHandler(BaseVoilaHandler):
    """Common to our pages: the language, the headers and the way errors are told."""

    def initialize(self, **arguments: Any) -> None:
        super().initialize(**arguments)
        self.folder: Path = arguments["folder"]
        self.site: Path = arguments["site"]

    def set_default_headers(self) -> None:
        for name, value in SECURITY_HEADERS.items():
            self.set_header(name, value)

    @property
    def lang(self) -> str:
        """``?lang=``, else the browser's first language if we speak it, else the server's."""
        wanted = self.get_query_argument("lang", "") or self.request.headers.get("Accept-Language", "")
        first = wanted.split(",")[0].strip().lower()
        return "zh-Hant" if first.startswith("zh") else "en" if first.startswith("en") else language()

    @property
    def in_other_language(self) -> str:
        """This address in the other language, its parameters kept."""
        kept = [(n, v) for n in self.request.query_arguments if n != "lang" for v in self.get_query_arguments(n)]
        return f"{self.request.path}?{urlencode([*kept, ('lang', _other(self.lang))])}"

    def words(self, name: str, **facts: Any) -> str:
        return self.get_template(name).render(
            t=lambda key, **values: t(key, self.lang, **values),
            lang=self.lang,
            other_lang=_other(self.lang),
            in_other_language=self.in_other_language,
            tokens=look.tokens_css(),
            base_url=self.base_url,
            has_site=(self.site / "index.html").is_file(),
            **facts,
        )

    def write_error(self, status_code: int, **given: Any) -> None:
        """Every refusal as a readable page: our sentence when there is one, else the meaning of the status."""
        error = given.get("exc_info", (None, None, None))[1]
        if isinstance(error, WorkbenchError):
            sentence = error.sentence(self.lang)
        elif status_code == http.HTTPStatus.NOT_FOUND:
            sentence = InputError("serve.no_page", got=self.request.path).sentence(self.lang)
        elif status_code == http.HTTPStatus.FORBIDDEN:
            sentence = InputError("serve.refused", got=self.request.host).sentence(self.lang)
        else:
            sentence = InputError("serve.bad_request", got=status_code).sentence(self.lang)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(self.words("workbench-error.html.j2", status=status_code, sentence=sentence))

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, WorkbenchError):  # told to the visitor: one line is enough here
            self.log.info("%s refused: %s", self.request.path, error)
        else:
            super().log_exception(kind, error, trace)

    def send_error(self, status_code: int = 500, **given: Any) -> None:
        error = given.get("exc_info", (None, None, None))[1]
        if isinstance(error, WorkbenchError) and status_code == 500:
            status_code = 503 if isinstance(error, BusyError) else 400
        super().send_error(status_code, **given)


class StartHandler(WordsHandler):
    """The start page: what can be opened, and the reports that exist."""

    async def get(self) -> None:
        self.write(self.words("start.html.j2", pages=pages(self.folder)))


class SiteFiles(WordsHandler, web.StaticFileHandler):
    """The published reports, read only."""

    def initialize(self, **arguments: Any) -> None:  # type: ignore[override]
        WordsHandler.initialize(self, **arguments)
        web.StaticFileHandler.initialize(self, path=str(self.site), default_filename="index.html")


class MissingHandler(WordsHandler):
    """Any other address."""

    async def prepare(self) -> None:  # type: ignore[override]
        raise web.HTTPError(404)


class PageHandler(WordsHandler):
    """A notebook's page: checks the address, starts a kernel, streams the page while its cells run."""

    def initialize(self, **arguments: Any) -> None:
        super().initialize(**arguments)
        self.template_paths, self.traitlet_config = arguments["template_paths"], arguments["config"]

    async def get(self, path: str) -> None:
        page = next((p for p in pages(self.folder) if p.path == path), None)
        if page is None:
            raise web.HTTPError(404)
        arguments = {name: self.get_query_arguments(name) for name in self.request.query_arguments}
        values = given_values(page.declaration(), arguments)
        if len(self.kernel_manager) >= MAX_KERNELS:
            raise BusyError("serve.too_many_pages", got=len(self.kernel_manager), allowed=MAX_KERNELS)
        renderer = await self._renderer(page)
        inject(renderer.notebook, values)

        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        _ = self.xsrf_token  # sets the cookie without which the page could not end its kernel when it is left
        kernel_id = await ensure_async(
            self.kernel_manager.start_kernel(
                kernel_name=KERNEL, path=str(Path(path).parent), env=kernel_environment(lang=self.lang)
            )
        )
        try:
            async for piece in renderer.snippets(kernel_id, self.kernel_manager.get_kernel(kernel_id)):
                self.write(piece)
                await self.flush()
        except StreamClosedError:  # the visitor left before the page was complete
            renderer.complete = False
        if not renderer.complete and kernel_id in self.kernel_manager:
            await ensure_async(self.kernel_manager.shutdown_kernel(kernel_id, now=True))

    async def _renderer(self, page: Page) -> PageRenderer:
        page_config = get_page_config(
            base_url=self.base_url, settings=self.settings, log=self.log, voila_configuration=self.voila_configuration
        )
        renderer = PageRenderer(
            lang=self.lang,
            page={
                "title": page.title[self.lang],
                "tokens": look.tokens_css(),
                "words": _words(self.lang),
                "other_language": self.in_other_language,
            },
            request_handler=self,
            voila_configuration=self.voila_configuration,
            traitlet_config=self.traitlet_config,
            notebook_path=page.path,
            template_paths=self.template_paths,
            config_manager=self.config_manager,
            contents_manager=self.contents_manager,
            base_url=self.base_url,
            kernel_spec_manager=self.kernel_spec_manager,
            page_config=page_config,
        )
        await renderer.initialize(template=None, theme=None)
        return renderer


def _other(lang: str) -> str:
    return "en" if lang == "zh-Hant" else "zh-Hant"


def _words(lang: str) -> dict[str, str]:
    """What the page's template and script say."""
    return {
        "product": t("serve.product", lang),
        "start": t("serve.back_to_start", lang),
        "language": t("serve.other_language", lang),
        "starting": t("serve.starting", lang),
        "running": t("serve.running", lang),
        "drawing": t("serve.drawing", lang),
        "seconds": t("serve.seconds", lang),
        "lost": t("serve.lost", lang),
        "script": t("serve.needs_script", lang),
    }
