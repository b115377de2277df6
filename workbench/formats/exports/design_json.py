"""The design document as JSON: pretty for people, canonical for comparison, and read back from anyone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from workbench.errors import InputError
from workbench.formats import yaml_text
from workbench.formats.exports.writing import fresh
from workbench.formats.report import Notes, Report
from workbench.stack import Design, canonical_json, read, to_document

MOST_BYTES = 256 * 1024 * 1024  # a design of two million irregular bumps with four labels each
MOST_DEPTH = 32


def to_text(design: Design, *, canonical: bool = False) -> str:
    """The document as JSON: indented by two, or the canonical text that `content_sha256` hashes."""
    if canonical:
        return canonical_json(design)
    return json.dumps(to_document(design), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def write_json(design: Design, path: Path | str, *, overwrite: bool = False, canonical: bool = False) -> Report:
    """Write the document. Nothing is left out. Raises InputError when the file exists or cannot be written."""
    with fresh(path, overwrite=overwrite) as draft:
        draft.write_text(to_text(design, canonical=canonical), "utf-8")
    notes = Notes()
    notes.take("exchange.json.taken")
    return notes.report()


def read_json(path: Path | str) -> Design:
    """The design of a JSON file. Raises InputError as `read_text` does, and when there is no such file."""
    text = yaml_text.read_text(path, limit_bytes=MOST_BYTES)
    return read_text(text, where=str(path))


def read_text(text: str, *, where: str) -> Design:
    """The design in `text`, of unknown origin.

    Raises InputError: too large, nested too deep, no JSON (with line and column), a key given twice, a number that is
    not finite, and everything `workbench.stack.read` refuses.
    """
    if len(text) > MOST_BYTES:
        raise InputError("exchange.json.too_large", where=where, got=f"{len(text):,}", allowed=f"<= {MOST_BYTES:,}")
    text = text.removeprefix("\ufeff")
    _refuse_depth(text, where)

    def not_finite(word: str) -> NoReturn:
        raise InputError("exchange.json.not_finite", where=_first(text, word, where), got=word)

    def no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            offset, key = _repeated(text)
            raise InputError("exchange.json.twice", where=yaml_text.at_offset(where, text, offset), got=key[:80])
        return found

    try:
        document = json.loads(text, object_pairs_hook=no_repeats, parse_constant=not_finite)
    except json.JSONDecodeError as fault:
        raise InputError("exchange.json.syntax", where=f"{where}:{fault.lineno}:{fault.colno}", got=fault.msg) from None
    except (ValueError, RecursionError) as fault:  # a number of thousands of digits
        raise InputError("exchange.json.syntax", where=where, got=str(fault)[:120]) from None
    try:
        return read(document)
    except InputError as fault:
        raise type(fault)(fault.rule, where=f"{where}: {fault.where}" if fault.where else where, got=fault.got,
                          allowed=fault.allowed, **fault.values) from None  # fmt: skip


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.S)
_COLON = re.compile(r"\s*:")


def _refuse_depth(text: str, where: str) -> None:
    """Brackets outside of texts, counted before the parser descends into them."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"?', "", text, flags=re.S)
    marks = np.frombuffer(bare.encode("utf-8", "replace"), np.uint8)
    depth = np.cumsum(np.isin(marks, (ord("["), ord("{"))).astype(np.int32) - np.isin(marks, (ord("]"), ord("}"))))
    if depth.size and depth.max() > MOST_DEPTH:
        raise InputError("exchange.json.too_deep", where=where, got=int(depth.max()), allowed=f"<= {MOST_DEPTH}")


def _repeated(text: str) -> tuple[int, str]:
    """Where the first key stands that its object already has, and the key; the text is JSON up to there."""
    keys: list[set[str] | None] = []
    for token in _TOKEN.finditer(text):
        word = token.group()
        if word in "{[":
            keys.append(set() if word == "{" else None)
        elif word in "}]":
            keys.pop()
        elif keys and keys[-1] is not None and _COLON.match(text, token.end()):
            key = json.loads(word, strict=False)
            if key in keys[-1]:
                return token.start(), key
            keys[-1].add(key)
    raise ValueError("no key stands twice")


def _first(text: str, word: str, where: str) -> str:
    """Place of a word outside of texts."""
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|' + re.escape(word), text, re.S):
        if token.group() == word:
            return yaml_text.at_offset(where, text, token.start())
    return where
