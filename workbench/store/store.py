"""The one store: what a caller sees. Every method is one short transaction; nothing stays open between two."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

from workbench.errors import StoreError
from workbench.store.benchmarks import Benchmarks
from workbench.store.control_limits import ControlLimits
from workbench.store.designs import Designs, Projects
from workbench.store.genealogy import Genealogy
from workbench.store.history import History
from workbench.store.location import Location, locate
from workbench.store.lots import Lots
from workbench.store.mappings import Mappings
from workbench.store.notebook_runs import NotebookRuns
from workbench.store.rule_decks import RuleDecks
from workbench.store.shelf import Shelf
from workbench.store.subjects import Subject, subjects
from workbench.store.tables import BY_NAME
from workbench.store.units import Units

if TYPE_CHECKING:
    from workbench.store.file import FileEngine


class Store:
    """All data of a workbench, live or (from `at`) as of an earlier snapshot."""

    def __init__(self, engine: FileEngine | Any, *, as_of: int | None = None):
        self.engine, self.as_of = engine, as_of

    @classmethod
    def open(cls, url: str | PathLike | None = None) -> Store:
        """The store at `url`, $WORKBENCH_STORE or ``workbench.duckdb`` in `home()`; made when absent.

        Raises StoreError: not a store, damaged, on a network file system, of an older or newer shape.
        """
        engine = engine_for(locate(url))
        engine.prepare()
        return cls(engine)

    @property
    def url(self) -> str:
        """The address, to open the store again from another process."""
        return self.engine.location.url

    @property
    def public_url(self) -> str:
        """The address without password, to show."""
        return self.engine.location.public

    @property
    def mode(self) -> str:
        """``file`` (one DuckDB file) or ``ducklake`` (PostgreSQL catalogue and Parquet)."""
        return self.engine.mode

    def snapshot(self) -> int:
        """Number of the present state; later writes get higher ones."""
        return self.as_of if self.as_of is not None else self.engine.snapshot()

    def at(self, snapshot: int) -> Store:
        """The store as it was at `snapshot`, to read. A snapshot that is not there is refused when read."""
        return Store(self.engine, as_of=int(snapshot))

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Be the only one on this store to do `name`. Raises BusyError naming the holder, at once."""
        return self.engine.exclusive(name)

    def reading(self) -> AbstractContextManager:
        """A read transaction at this store's moment. For this package."""
        return self.engine.reading(self.as_of)

    def writing(self, what: str, *keys: str, bulk: bool = False) -> AbstractContextManager:
        """A write transaction; `keys` name what two writers must not add at the same time, `bulk` says that rows come
        by the million. For this package.
        """
        if self.as_of is not None:
            raise StoreError("store.past", got=what, where=f"snapshot {self.as_of}")
        return self.engine.writing(what, *keys, bulk=bulk)

    def subjects(self, kind: str) -> list[Subject]:
        """What notebooks can be about, each with its fingerprint. `kind`: "design", "project", "experiment",
        "monitor", "lot" or "system".
        """
        return subjects(self, kind)

    @cached_property
    def projects(self) -> Projects:
        return Projects(self)

    @cached_property
    def designs(self) -> Designs:
        return Designs(self)

    @cached_property
    def lots(self) -> Lots:
        return Lots(self)

    @cached_property
    def benchmarks(self) -> Benchmarks:
        return Benchmarks(self)

    @cached_property
    def notebook_runs(self) -> NotebookRuns:
        return NotebookRuns(self)

    @cached_property
    def customers(self) -> Shelf:
        return Shelf(self, BY_NAME["customers"])

    @cached_property
    def materials(self) -> Shelf:
        return Shelf(self, BY_NAME["materials"])

    @cached_property
    def rule_decks(self) -> RuleDecks:
        return RuleDecks(self)

    @cached_property
    def carriers(self) -> Shelf:
        return Shelf(self, BY_NAME["carriers"])

    @cached_property
    def units(self) -> Units:
        return Units(self)

    @cached_property
    def equipment(self) -> Shelf:
        return Shelf(self, BY_NAME["equipment"])

    @cached_property
    def genealogy(self) -> Genealogy:
        return Genealogy(self)

    @cached_property
    def history(self) -> History:
        return History(self)

    @cached_property
    def imports(self) -> Shelf:
        return Shelf(self, BY_NAME["imports"])

    @cached_property
    def mappings(self) -> Mappings:
        return Mappings(self)

    @cached_property
    def limits(self) -> ControlLimits:
        return ControlLimits(self)

    @cached_property
    def unit_links(self) -> Shelf:
        return Shelf(self, BY_NAME["unit_links"])

    @cached_property
    def test_results(self) -> Shelf:
        return Shelf(self, BY_NAME["test_results"])

    @cached_property
    def certificates(self) -> Shelf:
        return Shelf(self, BY_NAME["certificates"])

    @cached_property
    def releases(self) -> Shelf:
        return Shelf(self, BY_NAME["releases"])

    @cached_property
    def audit(self) -> Shelf:
        return Shelf(self, BY_NAME["audit_events"])


def engine_for(location: Location) -> Any:
    """The engine of a location's mode, not yet prepared."""
    if location.mode == "file":
        from workbench.store.file import FileEngine

        return FileEngine(location)
    from workbench.store.lake import LakeEngine

    return LakeEngine(location)
