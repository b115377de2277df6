"""`workbench serve`: the notebooks as interactive pages, for the engineer on this machine."""

from __future__ import annotations

import click

from workbench.i18n import t


@click.command()
@click.option("--port", type=click.IntRange(1024, 65535), help="Port (default: 8866, or the next free one).")
@click.option("--address", default="127.0.0.1", show_default=True, help="Only loopback addresses are accepted.")
@click.option("--no-browser", is_flag=True, help="Do not open the start page in a browser.")
def command(port: int | None, address: str, no_browser: bool) -> None:
    """Open the notebooks as interactive pages (Voila), on this machine only."""
    from workbench.serving.loopback import loopback_address, usable_port
    from workbench.serving.notebooks import notebooks_folder

    address = loopback_address(address)  # refuse before the slow imports
    folder = notebooks_folder()
    port = usable_port(port, preferred=8866, address=address)

    from workbench.serving.voila_server import serve
    from workbench.store.location import home

    def tell(where: str) -> None:
        click.echo(t("serve.ready", address=where))
        click.echo(t("serve.stop_with"))

    serve(folder=folder, site=home() / "site", port=port, address=address, browser=not no_browser, when_ready=tell)
