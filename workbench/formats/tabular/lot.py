"""A table and its mapping as a `LotData`: rows become parts with attempts, columns or rows become readings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import InputError
from workbench.formats.lot_data import PART_COLUMNS, READING_COLUMNS, Carrier, LotData, Test
from workbench.formats.report import Notes
from workbench.formats.tabular.grid import MOST_CELLS, Grid
from workbench.formats.tabular.mapping import CONDITIONS, Column, Mapping
from workbench.formats.tabular.numbers import numbers, texts, verdict

_INT = {"x": "Int32", "y": "Int32", "head": "Int16", "site": "Int16", "hard_bin": "Int32", "soft_bin": "Int32"}
MOST_TESTS = 100_000


def lot_data(grid: Grid, mapping: Mapping, notes: Notes, *, carrier: str) -> LotData:
    """The lot of a table; `carrier` names the carrier where neither a column nor the mapping does."""
    for column in mapping.columns:
        if column.role != "ignore" and column.name not in grid.names:
            raise InputError("tabular.column_missing", where=grid.where, got=column.name,
                             allowed=", ".join(grid.names)[:1_000])  # fmt: skip
    table = _Table(grid, mapping, notes, carrier)
    parts, readings, tests = _long(table) if mapping.long else _wide(table)
    names = list(parts["carrier"].cat.categories)
    ignored = [column.name for column in mapping.columns if column.role == "ignore" and column.name in grid.names]
    if ignored:
        notes.leave("tabular.left.ignored", list=", ".join(ignored)[:500])
    started_at, ended_at = table.moments()
    conditions = table.conditions()
    notes.take("tabular.taken", kind=grid.kind, rows=f"{grid.rows:,}", parts=f"{len(parts):,}",
               carriers=f"{len(names):,}", readings=f"{len(readings):,}", parameters=f"{len(tests):,}")  # fmt: skip
    if "delimiter" in grid.details:
        notes.take("tabular.text", delimiter={"\t": "TAB"}.get(grid.details["delimiter"], grid.details["delimiter"]),
                   decimal=grid.decimal)  # fmt: skip
    return LotData(
        format=grid.kind, lot=table.single("lot") or None, product=table.single("product") or None,
        carriers=tuple(Carrier(name, mapping.carrier_kind) for name in names), tests=tuple(tests), parts=parts,
        readings=readings, conditions=conditions, started_at=started_at, ended_at=ended_at, report=notes.report(),
    )  # fmt: skip


class _Table:
    """The columns of a table by their roles."""

    def __init__(self, grid: Grid, mapping: Mapping, notes: Notes, carrier: str):
        self.grid, self.mapping, self.notes, self.default = grid, mapping, notes, carrier

    def words(self, role: str) -> list[str] | None:
        column = self.mapping.of(role)
        return None if column is None else texts(self.grid.column(column.name))

    def figures(self, column: Column) -> np.ndarray:
        """A column as finite numbers, NaN elsewhere. Words that are none are counted and left; a column with more of
        them than numbers is refused."""
        values, odd = numbers(self.grid.column(column.name), self.grid.decimal)
        if len(odd):
            word = self.grid.column(column.name)[odd[0]]
            if len(odd) > np.count_nonzero(~np.isnan(values)):
                raise InputError("tabular.not_numbers", where=self.grid.at(int(odd[0]), column.name), got=word[:60],
                                 column=column.name)  # fmt: skip
            self.notes.leave("tabular.left.words", column=column.name[:60], count=f"{len(odd):,}", first=word[:40])
        infinite = np.isinf(values)
        if infinite.any():
            self.notes.leave("tabular.left.infinite", column=column.name[:60],
                             count=f"{np.count_nonzero(infinite):,}")  # fmt: skip
            values = np.where(infinite, np.nan, values)
        return values

    def whole(self, role: str, most: int = 2**31 - 1) -> np.ndarray | None:
        """A column as whole numbers in floats, NaN where there is none. Raises InputError with the place of others."""
        column = self.mapping.of(role)
        if column is None:
            return None
        values, odd = numbers(self.grid.column(column.name), self.grid.decimal)
        with np.errstate(invalid="ignore"):
            wrong = (values != np.trunc(values)) & ~np.isnan(values) | (np.abs(values) > most)
        wrong[odd] = True
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            got = str(self.grid.column(column.name)[row])[:60]
            raise InputError("tabular.not_whole", where=self.grid.at(row, column.name), got=got,
                             allowed=f"-{most:,} … {most:,}")  # fmt: skip
        return values

    def carriers(self) -> tuple[np.ndarray, list[str]]:
        """The carrier of each row as a code, and the names in the order in which they come."""
        words = self.words("carrier")
        if words is None:
            said = self.mapping.carrier or self.default
            if "{row}" in said:
                return np.arange(self.grid.rows), [said.replace("{row}", str(i + 1)) for i in range(self.grid.rows)]
            return np.zeros(self.grid.rows, int), [said]
        for row, word in enumerate(words):
            if not word:
                raise InputError("tabular.no_carrier", where=self.grid.at(row, self.mapping.of("carrier").name))
        codes, names = pd.factorize(np.array(words, dtype=object))
        return codes, [name[:200] for name in names]

    def keys(self) -> np.ndarray | None:
        """What tells the parts of a carrier apart, as a code a row: position, else x and y, else part_id."""
        position = self.words("position")
        if position is not None:
            return pd.factorize(np.array(position, dtype=object))[0]
        x, y = self.whole("x"), self.whole("y")
        if x is not None and not (np.isnan(x) | np.isnan(y)).any():
            return pd.factorize(pd.MultiIndex.from_arrays([x, y]))[0]
        part = self.words("part_id")
        if part is not None and all(part):
            return pd.factorize(np.array(part, dtype=object))[0]
        return None

    def single(self, role: str) -> str:
        """The one lot or product of the file. Raises InputError where it names several."""
        words = self.words(role)
        if words is None:
            return getattr(self.mapping, role)
        found = [word for word in dict.fromkeys(words) if word]
        if len(found) > 1:
            row = words.index(found[1])
            raise InputError("tabular.several", where=self.grid.at(row, self.mapping.of(role).name),
                             got=found[1][:60], allowed=found[0][:60], role=role)  # fmt: skip
        return found[0] if found else getattr(self.mapping, role)

    def conditions(self) -> dict[str, Any]:
        made = {}
        for role in CONDITIONS:
            found = [word for word in dict.fromkeys(self.words(role) or ()) if word]
            if len(found) == 1:
                made[role] = found[0]
            elif found:
                self.notes.leave("tabular.left.varies", column=self.mapping.of(role).name[:60], count=len(found))
        return made

    def moments(self) -> tuple[datetime | None, datetime | None]:
        """The first and last moment of the rows; without a zone they are taken as UTC."""
        column, found, odd = self.mapping.of("time"), [], 0
        for word in dict.fromkeys(self.words("time") or ()):
            if word:
                moment = _moment(word)
                odd += moment is None
                if moment:
                    found.append(moment)
        if odd:
            self.notes.leave("tabular.left.moments", column=column.name[:60], count=f"{odd:,}")
        return (min(found), max(found)) if found else (None, None)


def _moment(word: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(word.replace("/", "-"))
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


# -- parts -------------------------------------------------------------------------------------------------------------
def _parts(table: _Table, rows: np.ndarray, carrier: np.ndarray, names: list[str], key: np.ndarray,
           site: np.ndarray, sites: list[str], attempt: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:  # fmt: skip
    """Parts of entries (n,): each (carrier, key, site, attempt) once, and for every entry its part. `rows` are the rows
    of the table that the entries stand in; the first of a part gives its place, name and bins."""
    unit = _groups(carrier, key, site)
    tried = _groups(unit, attempt)
    _, first = np.unique(tried, return_index=True)
    first_unit = np.unique(unit, return_index=True)[1]
    position = pd.Series(carrier[first_unit]).groupby(carrier[first_unit]).cumcount().to_numpy()
    row = rows[first]
    made: dict[str, Any] = {
        "carrier": pd.Categorical.from_codes(carrier[first], dtype=pd.CategoricalDtype(pd.Index(names, dtype="str"))),
        "position": position[unit[first]].astype("int32"), "attempt": attempt[first].astype("int16"),
    }  # fmt: skip
    part = table.words("part_id") or (table.words("position") if table.mapping.of("x") is None else None)
    said = np.array(part if part is not None else [""] * table.grid.rows, dtype=object)[row]
    label = np.array(sites, dtype=object)[site[first]]
    ids = [" ".join(filter(None, pair))[:200] or None for pair in zip(said, label, strict=True)]
    made["part_id"] = pd.array(ids, dtype="str")
    for role, kind in _INT.items():
        values = table.whole(role, most=2**15 - 1 if kind == "Int16" else 2**31 - 1)
        values = np.full(len(row), np.nan) if values is None else values[row]
        absent = np.isnan(values)
        made[role] = pd.arrays.IntegerArray(np.where(absent, 0, values).astype(kind.lower()), absent)
    words = table.words("passed")
    verdicts = [None] * len(row) if words is None else [verdict(words[i]) for i in row.tolist()]
    if words is not None:
        odd = sum(found is None and bool(words[i]) for found, i in zip(verdicts, row.tolist(), strict=True))
        if odd:
            table.notes.leave("tabular.left.verdicts", column=table.mapping.of("passed").name[:60], count=f"{odd:,}")
    made["passed"] = pd.array(verdicts, dtype="boolean")
    timed = table.mapping.of("test_time_s")
    made["test_time_s"] = np.full(len(row), np.nan) if timed is None else table.figures(timed)[row]
    return pd.DataFrame(made)[list(PART_COLUMNS)], tried


def _groups(*same: np.ndarray) -> np.ndarray:
    """A number for each different row of the columns, in the order in which they first come."""
    return pd.DataFrame(dict(enumerate(same))).groupby(list(range(len(same))), sort=False).ngroup().to_numpy()


def _attempts(table: _Table, *same: np.ndarray) -> np.ndarray:
    """The attempt of each entry: that of its column, else how often the same came before."""
    given = table.whole("attempt", most=2**15 - 1)
    if given is not None and len(given) == len(same[0]):
        return np.maximum(np.nan_to_num(given), 0).astype(int)
    counted = pd.DataFrame(dict(enumerate(same))).groupby(list(range(len(same))), sort=False).cumcount().to_numpy()
    if len(counted) and counted.max() > 2**15 - 1:
        raise InputError("tabular.too_many_attempts", where=table.grid.where, got=f"{counted.max() + 1:,}",
                         allowed=f"{2**15 - 1:,}")  # fmt: skip
    return counted


def _wide(table: _Table) -> tuple[pd.DataFrame, pd.DataFrame, list[Test]]:
    """Every reading a column; columns of one parameter at several sites are as many parts."""
    columns = [column for column in table.mapping.columns if column.role == "reading"]
    sites = list(dict.fromkeys(column.site for column in columns)) or [""]
    n, m = table.grid.rows, len(sites)
    if n * max(len(columns), m) > MOST_CELLS:
        raise InputError("tabular.too_large", where=table.grid.where, got=f"{n * m:,}", allowed=f"{MOST_CELLS:,}")
    carrier, names = table.carriers()
    key = table.keys()
    if key is None:
        # Sites tell the parts of a carrier apart; without them every row is a part.
        key = np.zeros(n, int) if any(sites) else np.arange(n)
    attempt = _attempts(table, carrier, key)
    site = np.tile(np.arange(m), n)
    parts, of_entry = _parts(table, np.repeat(np.arange(n), m), np.repeat(carrier, m), names, np.repeat(key, m), site,
                             sites, np.repeat(attempt, m))  # fmt: skip
    tests: dict[str, Test] = {}
    pieces = []
    for column in columns:
        parameter = column.parameter or column.name
        _limits_fit(table, column)
        new = Test(parameter, column.unit, column.lower, column.upper, column.target)
        tests.setdefault(parameter, new)
        values = table.figures(column)
        there = np.flatnonzero(~np.isnan(values))
        pieces.append((parameter, of_entry[there * m + sites.index(column.site)], values[there]))
    order = {parameter: i for i, parameter in enumerate(tests)}
    part = np.concatenate([each[1] for each in pieces]) if pieces else np.zeros(0, int)
    value = np.concatenate([each[2] for each in pieces]) if pieces else np.zeros(0)
    codes = np.repeat([order[each[0]] for each in pieces], [len(each[1]) for each in pieces]).astype(int)
    by_part = np.argsort(part, kind="stable")  # the parameters of a part stand together, as testers write them
    return parts, _readings(parts, part[by_part], codes[by_part], value[by_part], list(tests)), list(tests.values())


def _limits_fit(table: _Table, column: Column) -> None:
    if column.lower is not None and column.upper is not None and column.lower > column.upper:
        raise InputError("tabular.limits", where=f"{table.grid.where} [{column.name[:60]}]", got=column.lower,
                         allowed=f"<= {column.upper}")  # fmt: skip


def _long(table: _Table) -> tuple[pd.DataFrame, pd.DataFrame, list[Test]]:
    """A row a reading; unit and limits of a parameter are those of its first row that gives them."""
    words = table.words("parameter")
    for row, word in enumerate(words):
        if not word:
            raise InputError("tabular.no_parameter", where=table.grid.at(row, table.mapping.of("parameter").name))
    codes, parameters = pd.factorize(np.array(words, dtype=object))
    if len(parameters) > MOST_TESTS:
        raise InputError("tabular.too_many_parameters", where=table.grid.where, got=f"{len(parameters):,}",
                         allowed=f"{MOST_TESTS:,}")  # fmt: skip
    carrier, names = table.carriers()
    key = table.keys()
    if key is None:  # the k-th value of each parameter belongs to the k-th part of its carrier
        key = pd.DataFrame({0: carrier, 1: codes}).groupby([0, 1], sort=False).cumcount().to_numpy()
        table.notes.assume("tabular.no_part")
    attempt = _attempts(table, carrier, key, codes)
    rows = np.arange(table.grid.rows)
    parts, of_entry = _parts(table, rows, carrier, names, key, np.zeros(len(rows), int), [""], attempt)
    values = table.figures(table.mapping.of("value"))
    there = np.flatnonzero(~np.isnan(values))
    tests = _tests(table, codes, [str(name)[:500] for name in parameters])
    return parts, _readings(parts, of_entry[there], codes[there], values[there], [t.parameter for t in tests]), tests


def _tests(table: _Table, codes: np.ndarray, parameters: list[str]) -> list[Test]:
    first: dict[str, list[Any]] = {}
    for role in ("lower", "upper", "target"):
        column = table.mapping.of(role)
        values = np.full(len(codes), np.nan) if column is None else table.figures(column)
        first[role] = [None] * len(parameters)
        there = np.flatnonzero(~np.isnan(values))
        found, at = np.unique(codes[there], return_index=True)
        for code, i in zip(found.tolist(), at.tolist(), strict=True):
            first[role][code] = float(values[there[i]])
        if len(there) and (values[there] != np.array([first[role][code] for code in codes[there].tolist()])).any():
            table.notes.assume("tabular.limits_change", role=role)
    units = [""] * len(parameters)
    for code, word in zip(codes.tolist(), table.words("unit") or (), strict=False):
        units[code] = units[code] or word[:60]
    return [Test(name, units[i], first["lower"][i], first["upper"][i], first["target"][i])
            for i, name in enumerate(parameters)]  # fmt: skip


def _readings(parts: pd.DataFrame, part: np.ndarray, codes: np.ndarray, values: np.ndarray,
              parameters: list[str]) -> pd.DataFrame:  # fmt: skip
    made = {
        "carrier": parts["carrier"].array.take(part), "position": parts["position"].to_numpy()[part],
        "attempt": parts["attempt"].to_numpy()[part],
        "parameter": pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(pd.Index(parameters, dtype="str"))),
        "value": values,
    }  # fmt: skip
    return pd.DataFrame(made)[list(READING_COLUMNS)]
