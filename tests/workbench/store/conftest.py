"""Both modes of the store for every test that asks for `store` or `new_url`."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.workbench.store.postgres import NoServerError, Server, server
from workbench.store import Store
from workbench.store.location import LAKE_PREFIX

MODES = ("file", "ducklake")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    # Not under pytest's own folder: PostgreSQL runs as another user, and every session of pytest that starts
    # closes that folder to others.
    try:
        with tempfile.TemporaryDirectory(prefix="workbench-postgres-") as folder, server(Path(folder)) as running:
            yield running
    except NoServerError as why:
        pytest.skip(str(why))


@pytest.fixture(scope="session")
def lake_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="session")
def made_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "made.duckdb"
    Store.open(path)
    return path


@pytest.fixture(scope="session")
def made_lake(postgres: Server, lake_data: Path) -> str:
    """Name of a database with an empty lake, to be copied: making one takes most of a second."""
    name = postgres.create_database()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_STORE_DATA", str(lake_data))
        Store.open(LAKE_PREFIX + postgres.address(name))
    return name


@pytest.fixture
def new_file(tmp_path: Path, made_file: Path) -> Callable[[], str]:
    """Makes addresses of fresh, empty file stores."""
    count = itertools.count()

    def make() -> str:
        path = tmp_path / f"store{next(count)}.duckdb"
        shutil.copyfile(made_file, path)
        return str(path)

    return make


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def new_url(mode: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Makes addresses of fresh, empty stores of the mode under test."""
    if mode == "file":
        return request.getfixturevalue("new_file")
    postgres, made = request.getfixturevalue("postgres"), request.getfixturevalue("made_lake")
    monkeypatch.setenv("WORKBENCH_STORE_DATA", str(request.getfixturevalue("lake_data")))
    return lambda: LAKE_PREFIX + postgres.address(postgres.create_database(template=made))


@pytest.fixture
def store(new_url: Callable[[], str]) -> Store:
    return Store.open(new_url())


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    return tmp_path_factory.mktemp("filled"), {}


@pytest.fixture
def filled_by(mode: str, new_url: Callable[[], str], filled_once: tuple[Path, dict], tmp_path: Path,
              request: pytest.FixtureRequest) -> Callable[[Callable[[Store], None]], Store]:  # fmt: skip
    """Makes stores that `fill` filled, each its own: filled once, and copied for every test that asks."""
    folder, there = filled_once

    def make(fill: Callable[[Store], None]) -> Store:
        key = (mode, fill.__module__, fill.__qualname__)
        if key not in there:
            store = Store.open(new_url())
            fill(store)
            if mode == "file":
                there[key] = shutil.copyfile(store.url, folder / f"{len(there)}.duckdb")
            else:
                there[key] = store.url.removeprefix(LAKE_PREFIX).split()[0].removeprefix("dbname=")
        if mode == "file":
            return Store.open(shutil.copyfile(there[key], tmp_path / "filled.duckdb"))
        postgres = request.getfixturevalue("postgres")
        return Store.open(LAKE_PREFIX + postgres.address(postgres.create_database(template=there[key])))

    return make
