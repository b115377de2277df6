"""Every table, declared once: the DDL of both modes, the checks and the row hashes follow from here.

Three ways of keeping, none of which changes or removes a row:
``versions``  the same key may be said again with other content; the last version is the current state (a view);
``once``      a record that is never said otherwise: an event, a published version, a run;
``bulk``      rows without key of their own; their batch, a ``once`` record, makes them idempotent.

A column's `since` is the number of the migration that brought it (see migrations.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

WELL_KNOWN = ("sha256", "recorded_at")  # closed by the store on every row that has a key


@dataclass(frozen=True)
class Column:
    """One column. `references` names the table whose single key it holds; `allowed` its closed list of words."""

    name: str
    type: str = "VARCHAR"
    null: bool = False
    references: str | None = None
    allowed: tuple[str, ...] = ()
    since: int = 1


@dataclass(frozen=True)
class Table:
    """A table: its key, its further columns and how rows are kept. `rows_a_group` is for a table that is searched for
    single rows: so many of them lie together in a Parquet file (by default 122,880), and are read or skipped together.
    """

    name: str
    keep: str
    key: tuple[Column, ...]
    content: tuple[Column, ...]
    since: int = 1
    rows_a_group: int | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns a reader sees, in order; mode 1 adds ``txn`` behind them."""
        if self.keep == "bulk":
            return self.key + self.content
        closing = (Column("sha256", since=self.since), Column("recorded_at", "TIMESTAMP", since=self.since))
        version = (Column("version", "INTEGER", since=self.since),) if self.keep == "versions" else ()
        return self.key + version + self.content + closing

    @property
    def primary_key(self) -> tuple[str, ...]:
        names = tuple(column.name for column in self.key)
        return (*names, "version") if self.keep == "versions" else () if self.keep == "bulk" else names

    @property
    def current(self) -> str:
        """Name of the view of the current state."""
        return f"current_{self.name}"

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _word(name: str, **more) -> Column:
    return Column(name, **more)


def _maybe(name: str, type: str = "VARCHAR", **more) -> Column:
    return Column(name, type, null=True, **more)


def _of(table: str, name: str, **more) -> Column:
    return Column(name, references=table, **more)


def _number(name: str) -> Column:
    return Column(name, "DOUBLE", null=True)


def _flag(name: str, **more) -> Column:
    return Column(name, "BOOLEAN", **more)


def _count(name: str, **more) -> Column:
    return Column(name, "INTEGER", **more)


def _json(name: str, **more) -> Column:
    return Column(name, "JSON", **more)


def _later(since: int, *columns: Column) -> tuple[Column, ...]:
    return tuple(replace(column, since=since) for column in columns)


_source = (_word("source"), _flag("verified"))
_row = (_of("row_batches", "batch_id"), _count("ordinal"))
_unit = (Column("unit_key", "BIGINT"), _word("unit_id"))
_subject = (_word("subject_kind"), _word("subject_id"))

TABLES: tuple[Table, ...] = (
    # orders
    Table("customers", "versions", (_word("customer_id"),), (_word("name"), _maybe("note"))),
    Table(
        "projects", "versions", (_word("project_id"),),
        (_word("name"), _of("customers", "customer_id", null=True), _maybe("requested_at", "TIMESTAMP")),
    ),
    # what is designed, of what, by which rules
    Table(
        "designs", "versions", (_word("design_id"),),
        (_word("title"), _word("kind"), _of("projects", "project_id", null=True),
         # empty: own work; otherwise what the workbench brought, until someone saves a revision of it
         _maybe("origin", since=2, allowed=("reference", "example"))),
    ),
    Table(  # a first revision whose parent is of another design is a branch
        "design_revisions", "once", (_word("revision_id"),),
        (_of("designs", "design_id"), _of("design_revisions", "parent_id", null=True), _count("number"),
         _word("schema_version"), _json("document"), _word("document_sha256"), _word("author"), _word("note")),
    ),
    Table(  # made from the document of the revision; made anew when features_version rises
        "design_features", "once",
        (_of("design_revisions", "revision_id", since=2), _count("features_version", since=2)),
        tuple(replace(column, since=2) for column in (
            _flag("readable"), _maybe("assembly"), _maybe("carrier"), _word("nodes"), _word("roles"), _word("methods"),
            _number("finest_pitch_um"), _number("silicon_area_mm2"), _number("footprint_mm2"), _number("power_w"),
            _number("power_density_w_per_mm2"), _maybe("die_count", "INTEGER"), _maybe("tier_count", "INTEGER"),
            _maybe("unverified_count", "INTEGER"), _word("title_words"), _word("name_words"), _word("note_words"),
            _json("features", null=True), _json("dies", null=True))),
        since=2,
    ),
    Table(
        "design_milestones", "once", (_word("milestone_id", since=2),),
        tuple(replace(column, since=2) for column in (
            _maybe("project_id", references="projects"), _maybe("design_id", references="designs"),
            _maybe("revision_id", references="design_revisions"),
            _word("milestone", allowed=("requested", "checked")),
            _word("verdict", null=True, allowed=("PASS", "MARGINAL", "FAIL")), _maybe("deck"), _word("actor"),
            _maybe("note"), Column("occurred_at", "TIMESTAMP"))),
        since=2,
    ),
    Table(
        "materials", "once", (_word("material_id"), _word("material_version")),
        (_json("document"), _word("document_sha256"), *_source),
    ),
    Table(
        "rule_decks", "once", (_word("deck_id"), _word("deck_version")),
        (_json("document"), _word("document_sha256"), *_source),
    ),
    # what is made
    Table(
        "lots", "versions", (_word("lot_id"),),
        (_word("title"), _word("product"), *_source, _flag("synthetic"), _word("note")),
    ),
    Table(
        "carriers", "versions", (_of("lots", "lot_id"), _word("carrier")),
        (_word("kind", allowed=("wafer", "panel", "tray", "strip")), _json("attributes")),
    ),
    Table(  # of stores made before migration 3, which said these rows anew in `parts`; nothing is added
        "units", "versions", (_word("unit_id"),),
        (_of("lots", "lot_id", null=True), _maybe("carrier"), _maybe("position", "INTEGER"),
         _of("design_revisions", "revision_id", null=True), _json("attributes")),
    ),
    Table("equipment", "versions", (_word("equipment_id"),), (_word("name"), _word("kind"), _json("attributes"))),
    Table(
        "process_steps", "versions", (_of("lots", "lot_id"), _count("sequence"), _word("carrier")),
        (_word("name"), _maybe("equipment"), _maybe("recipe"), _json("settings")),
    ),
    Table(
        "specifications", "versions", (_of("lots", "lot_id"), _word("parameter")),
        (_number("lower"), _number("upper"), _number("target"), _word("source"),
         _maybe("unit", since=3)),  # the word of the file, where the name does not end with the unit
    ),
    Table(
        "measurement_batches", "once", (_word("batch_id"),),
        (_of("lots", "lot_id"), _word("source"), _word("import_sha256"), _count("part"),
         _count("row_count"), _word("rows_sha256"), _maybe("measured_at", "TIMESTAMP", since=3)),
    ),
    Table(
        "measurements", "bulk", (),
        (_of("measurement_batches", "batch_id"), _count("ordinal"), _word("carrier"), _count("position"),
         _word("parameter"), Column("value", "DOUBLE"), _maybe("attempt", "INTEGER", since=3)),
    ),
    Table(  # as `units`
        "genealogy", "once", (_of("units", "parent_id"), _of("units", "child_id"), _word("relation")), ()
    ),
    Table(
        "test_results", "once", (_word("result_id"),),
        (_word("unit_id"), _word("test"), _number("value"), _maybe("value_unit"), _number("lower"),
         _number("upper"), _word("outcome", allowed=("PASS", "MARGINAL", "FAIL", "ERROR", "TIMEOUT")),
         _maybe("tested_at", "TIMESTAMP"), _word("source")),
    ),
    # what came from files, what became of it, and what it was made of
    Table(
        "imports", "once", (_word("import_id", since=3),),
        _later(3, _of("lots", "lot_id"), _word("format"), _word("file_name"), _word("file_sha256"),
               _maybe("file_size_b", "BIGINT"), _word("content_sha256"), _word("reader_version"), _json("taken"),
               _json("left"), _json("counts"), _json("batches"), _json("conditions"), _word("actor"),
               _maybe("measured_at", "TIMESTAMP"), Column("occurred_at", "TIMESTAMP")),
        since=3,
    ),
    Table(
        "column_mappings", "versions", (_word("source_name", since=3),),
        _later(3, _json("mapping"), _word("actor")), since=3,
    ),
    Table(
        "bins", "versions", (_of("lots", "lot_id", since=3), _count("number", since=3), _flag("hard", since=3)),
        _later(3, _word("name"), _flag("passed", null=True)), since=3,
    ),
    Table(  # each lot a chain: an event holds the hash of the one before it
        "lot_events", "once", (_of("lots", "lot_id", since=3), _count("number", since=3)),
        _later(3, _word("event_id"), _word("kind"), _json("scope"), _json("detail"),
               *map(_maybe, ("route", "step", "equipment", "chamber", "recipe", "material_batch", "operator")),
               _word("actor"), Column("occurred_at", "TIMESTAMP"), _word("previous_sha256"), _word("chain_sha256")),
        since=3,
    ),
    Table(  # makes the rows of the tables below said once, as measurement_batches does for readings
        "row_batches", "once", (_word("batch_id", since=3),),
        _later(3, _word("of_table"), _of("lots", "lot_id"), _word("source"), _word("content_sha256"), _count("part"),
               _count("row_count"), _word("rows_sha256"), _maybe("measured_at", "TIMESTAMP")),
        since=3,
    ),
    Table(  # a unit as one file saw it, attempt by attempt
        "parts", "bulk", (),
        _later(3, *_row, *_unit, _word("carrier"), _count("position"), _count("attempt"), _maybe("x", "INTEGER"),
               _maybe("y", "INTEGER"), _maybe("part_id"), _maybe("head", "INTEGER"), _maybe("site", "INTEGER"),
               _maybe("hard_bin", "INTEGER"), _maybe("soft_bin", "INTEGER"), _flag("passed", null=True),
               _number("test_time_s")),
        since=3,
    ),
    Table(
        "defects", "bulk", (),
        _later(3, *_row, *_unit, _word("carrier"), _count("defect"), _maybe("x", "INTEGER"), _maybe("y", "INTEGER"),
               *map(_number, ("x_um", "y_um", "size_x_um", "size_y_um", "area_um2")),
               _maybe("class_number", "INTEGER")),
        since=3,
    ),
    Table(  # every edge twice, from either end, in the order of `unit_key`: a search for one unit skips nearly all rows
        "genealogy_edges", "bulk", (),
        _later(3, *_row, Column("unit_key", "BIGINT"), Column("relative_key", "BIGINT"),
               _flag("up"),  # the relative is what the unit was made of, else what was made of it
               _word("unit_id"), _word("relative_id"), _word("relation")),
        since=3, rows_a_group=8192,
    ),
    Table(  # where a part was put on its carrier, and where the design's origin lies there
        "placements", "bulk", (),
        _later(3, *_row, *_unit, _word("carrier"), _maybe("revision_id"), _maybe("part"),
               *map(_number, ("origin_x_um", "origin_y_um", "origin_angle_deg")),
               *(Column(name, "DOUBLE") for name in ("x_um", "y_um", "angle_deg"))),
        since=3,
    ),
    Table(  # units that went to another lot by a split or merge
        "unit_moves", "bulk", (),
        _later(3, *_row, *_unit, _word("from_lot"), _word("to_lot")), since=3,
    ),
    Table(
        "unit_links", "once", tuple(_later(3, _word("unit_id"), *_subject)), _later(3, _word("relation")), since=3
    ),
    Table(
        "control_limits", "versions",
        _later(3, _word("subject_kind", allowed=("lot", "product")), _word("subject_id"), _word("parameter"),
               _word("chart")),
        _later(3, _json("document"), _word("document_sha256"), _json("from_data"), _word("frozen_by")), since=3,
    ),
    # how systems perform
    Table(
        "benchmark_systems", "versions", (_word("system_id"),),
        (_word("title"), _word("organisation"), _json("document")),
    ),
    Table(
        "benchmark_runs", "versions", (_word("run_id"),),
        (_of("benchmark_systems", "system_id"), _word("suite"), _word("round"), _word("division"),
         _word("benchmark"), _word("scenario"), _flag("official"), _json("document"), *_source,
         _maybe("measured_at", "TIMESTAMP")),
    ),
    Table(
        "benchmark_results", "versions", (_of("benchmark_runs", "run_id"), _word("metric")),
        (Column("value", "DOUBLE"), _word("unit"), _flag("valid", null=True), _number("low"), _number("high")),
    ),
    # what is said about them
    Table(
        "notebook_runs", "once", (_word("run_id"),),
        (_word("notebook"), _maybe("subject_kind"), _maybe("subject_id"), _maybe("title"),
         _json("parameters", null=True), _word("key"), _maybe("code_version"), _flag("dirty", null=True),
         _maybe("source_hash"), _maybe("lock_sha256"), _maybe("snapshot", "BIGINT"), _json("packages", null=True),
         _json("machine", null=True), Column("started_at", "TIMESTAMP"), _number("duration_s"), _number("cpu_s"),
         _number("peak_memory_mb"), _word("outcome", allowed=("DONE", "ERROR", "TIMEOUT")),
         _word("verdict", null=True, allowed=("PASS", "MARGINAL", "FAIL", "NONE")), _json("summary", null=True),
         _maybe("error"), _maybe("executed_sha256"), _maybe("executed_path")),
    ),
    Table(
        "certificates", "once", (_word("certificate_id"),),
        (*_subject, _json("document"), _word("document_sha256"), _word("issued_by"), Column("issued_at", "TIMESTAMP")),
    ),
    Table(
        "releases", "once", (_word("release_id"),),
        (*_subject, _of("notebook_runs", "run_id", null=True), _json("document"), _word("document_sha256"),
         _word("released_by"), Column("released_at", "TIMESTAMP")),
    ),
    Table(
        "audit_events", "once", (_word("event_id"),),
        (_word("actor"), _word("action"), *_subject, _json("detail"), Column("occurred_at", "TIMESTAMP")),
    ),
    Table(
        "migrations", "once", (_count("number"),),
        (_word("name"), _word("workbench_version"), Column("applied_at", "TIMESTAMP")),
    ),
)  # fmt: skip

BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}


# Mode 1 only: what DuckLake calls snapshots. A row's ``txn`` is the transaction that brought it.
TRANSACTIONS = ("transactions (txn BIGINT PRIMARY KEY, what VARCHAR NOT NULL, host VARCHAR NOT NULL, "
                "pid INTEGER NOT NULL, committed_at TIMESTAMP NOT NULL)")  # fmt: skip


def create_sql(table: Table, *, mode: str, up_to: int, database: str = "") -> str:
    """CREATE TABLE with the columns known at migration `up_to`. DuckLake takes neither keys nor checks."""
    parts = []
    for column in table.columns:
        if column.since > up_to:
            continue
        part = f'"{column.name}" {column.type}' + ("" if column.null else " NOT NULL")
        if column.allowed and mode == "file":
            words = ", ".join(f"'{word}'" for word in column.allowed)
            part += f' CHECK ("{column.name}" IN ({words}))'
        parts.append(part)
    if mode == "file":
        parts.append("txn BIGINT NOT NULL")
        if table.primary_key:
            parts.append(f"PRIMARY KEY ({_names(table.primary_key)})")
    return f"CREATE TABLE {database}{table.name} ({', '.join(parts)})"


def add_column_sql(table: Table, column: Column) -> str:
    """A later column is always nullable: rows written before it have nothing to say."""
    return f'ALTER TABLE {table.name} ADD COLUMN "{column.name}" {column.type}'


def current_sql(table: Table, *, source: str, columns: tuple[Column, ...] | None = None) -> str:
    """SELECT of the current state from `source` (the table, or the table as of a snapshot)."""
    names = _names(column.name for column in (columns or table.columns))
    if table.keep != "versions":
        return f"SELECT {names} FROM {source}"
    key = _names(column.name for column in table.key)
    return f"SELECT {names} FROM {source} QUALIFY version = max(version) OVER (PARTITION BY {key})"


def _names(names) -> str:
    return ", ".join(f'"{name}"' for name in names)
