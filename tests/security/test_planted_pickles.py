"""A pickle in the place of everything that perflab reads back: refused or put aside, and never executed."""

from __future__ import annotations

import contextlib
import pickle
import random
import shutil
import sqlite3
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from planted import Planted, pickles
from typer.testing import CliRunner

import perflab
from perflab import Config, PerformanceSystem
from perflab.cache import DiskCache
from perflab.chunk.edits.manifest import Manifest
from perflab.cli.app import app
from perflab.errors import PerflabError
from perflab.record.frames import FRAMES

LARGE = random.Random(1).randbytes(40_000)  # cannot be compressed, so that it lies in a file of its own
QUIET: dict[str, Any] = {"enable_auto_optimization": False, "resource_monitoring": {"enabled": False}}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that a system leaves on disk: a run, a disk tier, a snapshot."""
    root = tmp_path_factory.mktemp("kept")
    config = Config(**QUIET, cache={"l3_dir": root / "l3"})
    with PerformanceSystem(config, run_dir=root / "run") as system:
        for number in range(20):
            with system.operation("read", key=number):
                system.cache.get_or_load(number, lambda: LARGE)
        system.snapshot(root / "snapshot")
        shutil.copy(root / "run" / "flight.ring", root / "flight.ring")
    shutil.move(root / "flight.ring", root / "run" / "flight.ring")
    return root


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    return tmp_path / "executed"


def test_the_plant_works(proof: Path) -> None:
    for planted in list(pickles(proof))[:6]:
        pickle.loads(planted)  # noqa: S301 - made above
        proof.unlink()


def everything_read(root: Path) -> None:
    """Read back all that there is, in every way; what is refused is refused by an error of perflab's own."""
    with contextlib.suppress(PerflabError):
        run = perflab.open_run(root / "run")
        _ = run.flight, run.ending, run._repr_html_()
        for name in FRAMES:
            with contextlib.suppress(PerflabError):
                getattr(run.frames, name)
        with contextlib.suppress(PerflabError):
            run.report(root / "again.html")
    config = Config(**QUIET, cache={"l3_dir": root / "l3"})
    with contextlib.suppress(PerflabError), PerformanceSystem(config) as system:
        with contextlib.suppress(PerflabError):
            system.restore(root / "snapshot")
        for number in range(20):
            assert system.cache.get(number) in (None, LARGE)


def kept_files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix != ".val"}


TOGETHER = (
    {"run/run.json"},
    {f"run/{frame}.parquet" for frame in FRAMES} | {"run/flight.ring"},
    {"snapshot", "l3/heat.json", "l3/owner.lock"},
    {"l3/cache.db"},
)
"""What is planted in one copy: a file that is refused early would keep others from being read at all."""


def test_every_kept_file_is_tried(kept: Path) -> None:
    empty = {str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file() and not path.stat().st_size}
    assert kept_files(kept) - empty <= set().union(*TOGETHER)


@pytest.mark.parametrize("names", [*TOGETHER, {"a value"}], ids=min)
def test_in_the_place_of_each_kept_file(names: set[str], kept: Path, tmp_path: Path, proof: Path) -> None:
    bare, of_numpy = list(pickles(proof))[4:7:2]
    for planted in (bare, of_numpy):
        root = shutil.copytree(kept, tmp_path / "copy")
        values = root.glob("l3/??/??/*.val")
        for place in values if names == {"a value"} else [root / name for name in names if (root / name).exists()]:
            place.write_bytes(planted)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            everything_read(root)
        assert not proof.exists()
        shutil.rmtree(root)


def test_in_every_text_and_binary_column_of_every_frame(kept: Path, tmp_path: Path, proof: Path) -> None:
    root, planted = tmp_path / "copy", pickle.dumps(Planted(proof))
    shutil.copytree(kept, root)
    for name in FRAMES:
        table = pq.read_table(root / "run" / f"{name}.parquet")
        columns = {field: pa.array([planted]) for field in table.schema.names}
        # What libraries that unpickle by metadata would look at.
        metadata = {b"pandas": planted, b"ARROW:extension:metadata": planted, b"PANDAS_ATTRS": planted}
        extension = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": planted}
        fields = [pa.field(field, pa.binary(), metadata=extension) for field in columns]
        schema = pa.schema(fields, metadata=metadata)
        pq.write_table(pa.table(list(columns.values()), schema=schema), root / "run" / f"{name}.parquet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        everything_read(root)
    assert not proof.exists()


def test_in_every_column_of_the_disk_tiers_database(kept: Path, tmp_path: Path, proof: Path) -> None:
    planted, places = pickle.dumps(Planted(proof)), []
    with contextlib.closing(sqlite3.connect(kept / "l3" / "cache.db")) as database:
        for table in ("Cache", "Settings"):
            places += [(table, row[1]) for row in database.execute(f"PRAGMA table_info({table})")]
    assert ("Cache", "filename") in places
    for number, (table, column) in enumerate(places):
        folder = shutil.copytree(kept / "l3", tmp_path / str(number))
        database = sqlite3.connect(folder / "cache.db")
        with contextlib.closing(database), contextlib.suppress(sqlite3.IntegrityError), database:
            database.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (planted,))  # noqa: S608
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with DiskCache(folder) as cache:
                assert all(cache.get(key) in (None, LARGE) for key in [*range(20), *cache])
                cache.set("new", 1)
        assert not proof.exists(), (table, column)


READERS: dict[str, Callable[[Path], object]] = {
    "settings": Config.load,
    "targets": lambda path: perflab.benchmark(len, len, targets=[str(path)]),
    "trace": perflab.read_trace,
    "trace.csv": perflab.read_trace,
    "trace.parquet": perflab.read_trace,
    "trace.csv.gz": perflab.read_trace,
    "trace.oracleGeneral": perflab.read_trace,
    "manifest": lambda path: Manifest.from_json(path.read_bytes().decode("latin-1")),
    "a source": lambda path: list(PerformanceSystem(Config(**QUIET)).chunks(path)),
}


@pytest.mark.parametrize("name", READERS)
def test_in_the_place_of_what_a_user_names(name: str, tmp_path: Path, proof: Path) -> None:
    for planted in pickles(proof):
        path = tmp_path / name
        path.write_bytes(planted)
        with contextlib.suppress(PerflabError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            READERS[name](path)
        assert not proof.exists()


@pytest.mark.parametrize(
    "command",
    [("status", "--runs", "{}"), ("report", "{}/run"), ("compare", "{}/run", "{}/run"), ("optimize", "{}/run"),
     ("whatif", "{}/snapshot"), ("cache", "inspect", "{}/l3"), ("cache", "verify", "{}/l3"),
     ("optimize", "--config", "{}/snapshot")],
    ids=" ".join,
)  # fmt: skip
def test_on_the_command_line(command: tuple[str, ...], kept: Path, tmp_path: Path, proof: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(kept, root)
    for path in [path for path in root.rglob("*") if path.is_file() and path.name != "run.json"]:
        path.write_bytes(pickle.dumps(Planted(proof)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        CliRunner().invoke(app, [part.format(root) for part in command])
    assert not proof.exists()


def test_a_disk_tier_with_a_key_takes_no_pickle_that_the_key_did_not_sign(tmp_path: Path, proof: Path) -> None:
    with DiskCache(tmp_path / "l3", pickle_key=b"k" * 32) as cache:
        cache["key"] = range(3)  # stored as a signed pickle
        with contextlib.closing(sqlite3.connect(tmp_path / "l3" / "cache.db")) as database, database:
            database.execute("UPDATE Cache SET value = ?", (pickle.dumps(Planted(proof)),))
        with pytest.warns(RuntimeWarning, match="refused"):
            assert cache.get("key") is None
    assert not proof.exists()
