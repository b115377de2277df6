"""LoadGen's detail log: one ``:::MLLOG {json}`` line per fact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import InputError

MARK = ":::MLLOG "
# The last key that LoadGen writes in every log of a mode: its absence means the log was cut off. (num_errors comes
# later but is missing in 36 of the 1,437 logs of round v5.1, so it cannot be the mark.)
_LAST_KEY = {"PerformanceOnly": "result_99.90_percentile_latency_ns", "AccuracyOnly": "power_end"}


@dataclass(frozen=True)
class DetailLog:
    """What a detail log says: `values` by key (the last line of a key counts), and LoadGen's own complaints."""

    values: Mapping[str, Any]
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    @property
    def scenario(self) -> str:
        return self.values["effective_scenario"]


def parse(text: str, *, where: str = "mlperf_log_detail.txt") -> DetailLog:
    """Read a whole detail log.

    Raises InputError, naming `where`, when a line is damaged or the log ends before LoadGen's last line:
    half a log must not pass for a run.
    """
    values: dict[str, Any] = {}
    errors: list[str] = []
    warnings: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith(MARK):
            continue
        try:
            entry = json.loads(line[len(MARK) :])
            key, value, metadata = entry["key"], entry["value"], entry["metadata"]
        except (ValueError, KeyError, TypeError) as fault:
            raise InputError("validation.log_damaged", where=f"{where}:{number}", got=fault) from fault
        values[key] = value
        if metadata.get("is_error"):
            errors.append(f"{key}: {value}")
        elif metadata.get("is_warning"):
            warnings.append(f"{key}: {value}")
    last = _LAST_KEY.get(values.get("effective_test_mode", "PerformanceOnly"), _LAST_KEY["PerformanceOnly"])
    if last not in values:
        raise InputError("validation.log_cut_off", where=where, got=f"{len(values)} keys", allowed=last)
    return DetailLog(values, tuple(errors), tuple(warnings))
