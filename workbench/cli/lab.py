"""`workbench lab`: the notebooks in JupyterLab, for the engineer on this machine."""

from __future__ import annotations

import click

from workbench.i18n import t


@click.command()
@click.option("--port", type=click.IntRange(1024, 65535), help="Port (default: 8888, or the next free one).")
@click.option("--no-browser", is_flag=True, help="Do not open JupyterLab in a browser.")
def command(port: int | None, no_browser: bool) -> None:
    """Open the notebooks in JupyterLab, on this machine only."""
    from workbench.serving.lab import open_lab
    from workbench.serving.loopback import usable_port
    from workbench.serving.notebooks import notebooks_folder
    from workbench.store.location import home

    def tell(address: str) -> None:
        click.echo(t("serve.lab_ready", address=address))
        click.echo(t("serve.stop_with"))

    open_lab(
        folder=notebooks_folder(),
        home=home(),
        port=usable_port(port, preferred=8888),
        browser=not no_browser,
        when_ready=tell,
    )
