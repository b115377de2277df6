"""Start an ipykernel that tells our errors as sentences: ``python -m workbench.serving.kernel -f FILE``."""

from __future__ import annotations

import sys
from typing import Any

# jsonschema's optional IRI check costs 1.4 CPU seconds of every altair import, and no schema of ours has an IRI.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

from ipykernel.kernelapp import IPKernelApp  # noqa: E402

from workbench.errors import WorkbenchError  # noqa: E402
from workbench.i18n import language  # noqa: E402


def told_as_sentence(
    shell: Any, kind: type, error: WorkbenchError, trace: Any, tb_offset: int | None = None
) -> list[str]:
    """IPython's hook for errors of our family: the sentence alone, without the calls that led there."""
    told = [error.sentence(language())]
    shell._showtraceback(kind, error, told)
    return told


def main() -> None:
    app = IPKernelApp.instance()
    app.initialize(sys.argv[1:])
    app.shell.set_custom_exc((WorkbenchError,), told_as_sentence)
    app.start()


if __name__ == "__main__":
    main()
