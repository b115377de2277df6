"""``#!define KEY value`` lines of a 3Dblox file and the text with them replaced.

Every later occurrence of KEY in the text is replaced, also inside other words, as OpenROAD does; several macros are
applied in the alphabetical order of their keys, so that one may use another that sorts after it.
"""

from __future__ import annotations

from typing import NamedTuple

from workbench.errors import InputError
from workbench.formats.yaml_text import at

MOST = 100
_MARK = "#!define"


class Define(NamedTuple):
    key: str
    value: str


def expanded(text: str, *, where: str, limit_characters: int) -> tuple[str, tuple[Define, ...]]:
    """The text with its macros replaced, as many lines as before, and the macros in the order of the file.

    Raises InputError with the place: a line that is no ``#!define KEY value``, a key defined twice or used before it
    is defined (both would change their meaning when the macros are written at the head), more than `MOST` macros, and
    a text that grows beyond `limit_characters`.
    """
    if _MARK not in text:
        return text, ()
    defines: dict[str, str] = {}
    done: list[str] = []  # blocks of lines, macros replaced
    before: list[str] = []  # the same blocks as written
    block: list[str] = []
    size = 0
    for number, line in enumerate(text.split("\n")):
        if not line.startswith(_MARK):
            block.append(line)
            continue
        if block:
            before.append("\n".join(block))
            done.append(_replaced(before[-1], defines, limit_characters - size, where))
            size += len(done[-1])
            block = []
        done.append(line)
        key, _, value = line[len(_MARK) :].strip().partition(" ")
        if not (line[len(_MARK) :][:1].isspace() and key and value.strip()):
            raise InputError("threedblox.define", where=at(where, number, 0), got=line[:80])
        if key in defines or len(defines) >= MOST:
            rule = "threedblox.define_twice" if key in defines else "threedblox.define_many"
            raise InputError(rule, where=at(where, number, 0), got=key[:80], allowed=f"<= {MOST}")
        if any(key in earlier for earlier in before):
            raise InputError("threedblox.define_late", where=at(where, number, 0), got=key[:80])
        defines[key] = value.strip()
    done.append(_replaced("\n".join(block), defines, limit_characters - size, where))
    return "\n".join(done), tuple(Define(*pair) for pair in defines.items())


def written(defines: tuple[Define, ...]) -> str:
    return "".join(f"{_MARK} {define.key} {define.value}\n" for define in defines) + ("\n" if defines else "")


def _replaced(block: str, defines: dict[str, str], room: int, where: str) -> str:
    for key in sorted(defines):
        count = block.count(key)
        # Macros that feed each other can double a text at every step: measured before it is made.
        if len(block) + count * (len(defines[key]) - len(key)) > room:
            raise InputError("text.too_large", where=where, allowed=f"<= {room:,}")
        block = block.replace(key, defines[key])
    return block
