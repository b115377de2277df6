"""The version policy (docs/VERSION_POLICY.md): the same major is read, a higher minor with a warning, all else not."""

from __future__ import annotations

import re

from workbench.errors import InputError

SUPPORTED = "1.0"
_FORM = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")


def accepted(version: object, *, where: str) -> bool:
    """True for a version this reader knows, False for a higher minor of the same major (accept and warn).

    Raises InputError: missing, not a ``MAJOR.MINOR`` text, another major. A number is no version: ``1.10`` written
    without quotes has already become 1.1.
    """
    if version is None:
        raise InputError("chiplet.version_missing", where=where, allowed=f'"{SUPPORTED}"')
    found = _FORM.fullmatch(version) if isinstance(version, str) else None
    if found is None:
        raise InputError("chiplet.version_malformed", where=where, got=repr(version)[:40], allowed=f'"{SUPPORTED}"')
    major, minor = map(int, SUPPORTED.split("."))
    if int(found.group(1)) != major:
        raise InputError("chiplet.version_refused", where=where, got=version, allowed=f"{major}.x")
    return int(found.group(2)) <= minor
