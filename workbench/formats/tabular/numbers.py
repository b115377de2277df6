"""Words of a table as numbers and verdicts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "--", "#n/a", "無"})
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_COMMA = re.compile(r"[+-]?(?:[0-9]+,?[0-9]*|,[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_CHARACTERS = frozenset("0123456789+-.eE")
GOOD = frozenset({"pass", "passed", "p", "ok", "good", "true", "yes", "y", "1", "1.0", "合格", "良", "良品", "通過"})
BAD = frozenset({"fail", "failed", "f", "ng", "bad", "false", "no", "n", "0", "0.0", "不合格", "不良", "不良品",
                 "失敗"})  # fmt: skip


def number(word: str, decimal: str = ".") -> float | None:
    """A word as a number, NaN where it says that there is none; None where it is no number at all."""
    word = word.strip()
    if word.lower() in MISSING:
        return float("nan")
    if not (_NUMBER if decimal == "." else _COMMA).fullmatch(word):
        return None
    return float(word if decimal == "." else word.replace(",", "."))


def numbers(words: Sequence[str] | np.ndarray, decimal: str = ".") -> tuple[np.ndarray, np.ndarray]:
    """Words as numbers (n,), NaN where there is none, and the rows whose words are no numbers."""
    if isinstance(words, np.ndarray):
        return words.astype(float), np.zeros(0, int)
    if decimal == "." and set("".join(words)) <= _CHARACTERS and all(words):
        try:
            return np.array(list(map(float, words))), np.zeros(0, int)
        except ValueError:
            pass
    known: dict[str, float | None] = {}
    made, odd = np.full(len(words), np.nan), []
    for row, word in enumerate(words):
        if word in known:
            value = known[word]
        else:
            value = number(word, decimal)
            if len(known) < 100_000:
                known[word] = value
        if value is None:
            odd.append(row)
        else:
            made[row] = value
    return made, np.array(odd, int)


def texts(values: Sequence[str] | np.ndarray) -> list[str]:
    """Values as words; whole numbers without a point, missing ones empty."""
    if not isinstance(values, np.ndarray):
        return [word.strip() for word in values]
    return ["" if value != value else str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
            for value in np.where(np.isinf(values), np.nan, values).tolist()]  # fmt: skip


def verdict(word: str) -> bool | None:
    """Passed or not by a word; None where it is neither."""
    word = word.strip().lower()
    return True if word in GOOD else False if word in BAD else None
