"""`workbench lot`: lots from files of tools and testers, their units' histories, events, verification and transfer."""

from __future__ import annotations

import click

from workbench.cli import LazyGroup

_HERE = "workbench.cli.lot."
PLACES = {
    "import": _HERE + "files:import_files",
    "map-columns": _HERE + "files:map_columns",
    "list": _HERE + "looking:list_lots",
    "show": _HERE + "looking:show",
    "unit": _HERE + "looking:unit",
    "verify": _HERE + "looking:verify",
    "event": _HERE + "events:event",
    "transfer": _HERE + "transfer:transfer",
    "check-package": _HERE + "transfer:check_package",
}


@click.group(cls=LazyGroup, places=PLACES)
def command() -> None:
    """Lots: import, look, trace, split, hold, verify, hand over. 批次：匯入、檢視、追溯、分批、暫停、驗證、移轉。"""
