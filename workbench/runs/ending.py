"""How the process of a run ended, in words a user can act on."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass

from nbformat.v4 import new_output

from workbench.errors import RunError
from workbench.i18n import t


@dataclass(frozen=True)
class Ending:
    """Exit status and cost of a run's process. `code` is negative for a signal, as in subprocess."""

    code: int = 0
    reason: str = ""  # "timeout", "killed" when we ended it
    cpu_s: float | None = None
    peak_memory_mb: float | None = None
    trace: str = ""  # where a crashed or hung program was

    @classmethod
    def told(cls, line: bytes) -> Ending:
        """From the fork server's last word; a server that was itself killed says nothing."""
        return cls(**json.loads(line)) if line.strip() else cls(code=-signal.SIGKILL, reason="server")

    @property
    def timed_out(self) -> bool:
        return self.reason == "timeout"

    def sentence(self, lang: str | None = None) -> str:
        """What happened to the process."""
        if self.timed_out:
            return t("run.ending.timeout", lang)
        if self.reason == "server":
            return t("run.ending.server", lang)
        if self.code == -signal.SIGKILL:
            return t("run.ending.out_of_memory", lang)
        if self.code < 0:
            return t("run.ending.signal", lang, signal=_signal_name(-self.code))
        return t("run.ending.exit", lang, code=self.code)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def mark_dead(nb_man, ending: Ending | None) -> None:
    """Write into the cell that was running that the process ended there, as a front end would show it."""
    ending = ending or Ending()
    begun = [c for c in nb_man.nb.cells if c.cell_type == "code" and c.metadata.papermill.start_time]
    if not begun:
        raise RunError("run.died", reason=ending.sentence())
    cell = begun[-1]
    cell.outputs.append(
        new_output(
            "error",
            ename="RunTimeout" if ending.timed_out else "KernelDied",
            evalue=ending.sentence(),
            traceback=[ending.sentence(), *ending.trace.splitlines()],
        )
    )
    cell.metadata.papermill["exception"] = True
    cell.metadata.papermill["status"] = nb_man.FAILED
