"""Large files are analysed chunk by chunk, and an edit costs one chunk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from perflab.errors import SourceError
from perflab.parallel import Ready, Workers
from perflab.record import NULL_RECORDER, Recorder
from perflab.workloads.analysis import CHUNK_BYTES, LARGE_BYTES, Analysis
from perflab.workloads.corpus import Corpus, select
from perflab.workloads.crossvalidate import validate_naive, validate_optimized
from perflab.workloads.documents import create_naive, create_optimized
from perflab.workloads.facts import file_facts
from perflab.workloads.layout import layout_of
from perflab.workloads.reuse import Reuse


class DictCache:
    """The part of a cache that the workloads use, without bounds."""

    def __init__(self) -> None:
        self.entries: dict[Hashable, Any] = {}

    def get(self, key: Hashable, default: Any = None) -> Any:
        return self.entries.get(key, default)

    def set(self, key: Hashable, value: Any) -> None:
        self.entries[key] = value


class CountedWorkers(Workers):
    """Workers that count the items handed to them."""

    def __init__(self) -> None:
        super().__init__(1)
        self.items = 0

    def map(self, fn: Callable[[Any], Any], items: Iterable[Any], **_: Any) -> Iterator[Any]:
        for item in items:
            self.items += not isinstance(item, Ready)
            yield item.value if isinstance(item, Ready) else fn(item)


def function(number: int) -> str:
    return (
        f"def function_{number}(value, *, limit={number}):\n"
        f'    """Return what number {number} says."""\n'
        f"    if value > limit:\n        return os.path.join(str(value), 'x')\n    return value\n\n\n"
    )


def method(number: int) -> str:
    return f"    def method_{number}(self, size: int = {number}) -> int:\n        return self.size or size\n\n"


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """A small file, and a large one of functions and one class that is longer than a chunk."""
    package = tmp_path / "tree" / "shop"
    package.mkdir(parents=True)
    functions = "".join(function(number) for number in range(300))
    methods = "".join(method(number) for number in range(300))
    large = f'"""Large."""\nimport os\n\nLIMIT = 5\n\n\n{functions}class Big:\n    """Big one."""\n\n{methods}'
    assert len(large) > LARGE_BYTES
    (package / "large.py").write_text(large, "utf-8")
    (package / "small.py").write_text("from shop import large\n\n\ndef use(a=1): return large.Big\n", "utf-8")
    return select(tmp_path / "tree")


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers(1) as inline:
        yield inline


def edited(corpus: Corpus, old: str = "number 150 says", new: str = "number 150 tells now") -> Corpus:
    path = corpus.root / "shop/large.py"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    return corpus


def statuses(recorder: Recorder) -> dict[str, int]:
    rows: pd.DataFrame = recorder.frames.chunks
    return {str(status): int(count) for status, count in rows["status"].value_counts().items() if count}


def texts(corpus: Corpus, analysis: Analysis) -> dict[str, Any]:
    return {path: json.loads(text) for path, text in analysis.texts(corpus.files)}


def test_facts_in_chunks_are_those_of_the_file(corpus: Corpus, workers: Workers) -> None:
    recorder = Recorder()
    analysis = Analysis(DictCache(), workers, recorder)
    facts = texts(corpus, analysis)
    assert facts == {file.path: file_facts(file.path, file.absolute.read_bytes()) for file in corpus.files}
    rows = recorder.frames.chunks
    assert len(rows) == analysis.chunks_processed > LARGE_BYTES // CHUNK_BYTES
    assert set(rows["operation"].astype(str)) == {"facts"}
    assert {Path(path).name for path in rows["path"]} == {"large.py"}


def test_an_edit_costs_one_chunk_also_in_a_copy_of_the_tree(corpus: Corpus, workers: Workers, tmp_path: Path) -> None:
    cache, recorder = DictCache(), Recorder()
    first = Analysis(cache, workers, NULL_RECORDER)
    texts(corpus, first)
    copy = edited(select(Path(shutil.copytree(corpus.root, tmp_path / "copy" / "tree"))))
    again = Analysis(cache, workers, recorder)
    facts = texts(copy, again)
    assert statuses(recorder) == {"processed": 1, "reused": first.chunks_processed - 1}
    assert (again.chunks_processed, again.chunks_reused) == (1, first.chunks_processed - 1)
    assert facts["shop/large.py"] == file_facts("shop/large.py", (copy.root / "shop/large.py").read_bytes())


def test_the_same_chunks_in_another_file_have_its_names(corpus: Corpus, workers: Workers) -> None:
    shutil.copy(corpus.root / "shop/large.py", corpus.root / "shop/other.py")
    facts = texts(select(corpus.root), Analysis(DictCache(), workers, NULL_RECORDER))
    assert facts["shop/other.py"]["symbols"][0]["signature"].startswith("shop.other.function_0(")


def test_a_file_that_chunks_do_not_explain_is_analysed_whole(corpus: Corpus, workers: Workers) -> None:
    long_function = "def long():\n" + "    value = call(1, 2, 3)\n" * (CHUNK_BYTES // 20)
    large = edited(corpus, "class Big:", f"{long_function}\n\nclass Big:")
    recorder = Recorder()
    facts = texts(large, Analysis(DictCache(), workers, recorder))
    assert facts["shop/large.py"] == file_facts("shop/large.py", (large.root / "shop/large.py").read_bytes())
    assert len(recorder.frames.chunks) > 0


def test_workers_get_all_of_a_new_file_and_nothing_of_an_edited_one(corpus: Corpus) -> None:
    cache, workers = DictCache(), CountedWorkers()
    cold = Analysis(cache, workers, NULL_RECORDER)
    texts(corpus, cold)
    assert workers.items == cold.chunks_processed
    texts(edited(corpus), Analysis(cache, workers, NULL_RECORDER))
    assert workers.items == cold.chunks_processed


def test_a_large_file_that_changes_meanwhile_is_refused(corpus: Corpus, workers: Workers) -> None:
    reuse = Reuse(corpus, layout_of(corpus), DictCache(), workers)
    edited(corpus)
    for _ in range(2):
        with pytest.raises(SourceError, match=r"large\.py changed while it was read"):
            reuse.facts(["shop/small.py", "shop/large.py"])


def test_threads_that_need_one_file_analyse_it_once(corpus: Corpus, workers: Workers) -> None:
    recorder = Recorder()
    reuse = Reuse(corpus, layout_of(corpus), DictCache(), workers, recorder)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: reuse.facts(["shop/large.py"]), range(16)))
    assert all(facts == found[0] for facts in found)
    rows = recorder.frames.chunks
    assert len(rows) == len(rows.drop_duplicates(["start"])) == reuse.work["chunks_processed"]
    assert reuse.work["facts_computed"] == 1


def test_both_workloads_go_chunk_by_chunk_and_give_the_naive_output(corpus: Corpus, tmp_path: Path) -> None:
    created = create_naive(corpus, tmp_path / "documents")
    validated = validate_naive(tmp_path / "documents", corpus)
    creating, validating = Recorder(), Recorder()
    with Workers(2) as workers:
        fast = create_optimized(corpus, tmp_path / "fast", cache=DictCache(), workers=workers, recorder=creating)
        checked = validate_optimized(
            tmp_path / "documents", corpus, cache=DictCache(), workers=workers, recorder=validating
        )
    assert (fast.digest, checked.digest) == (created.digest, validated.digest)
    for recorder, work in ((creating, fast.work), (validating, checked.work)):
        assert statuses(recorder) == {"processed": work["chunks_processed"]}
        assert work["chunks_processed"] > 4
        assert set(recorder.frames.chunks["stream"].astype(str).str.partition("-")[0]) == {"process"}


def test_both_workloads_reuse_the_chunks_of_an_edited_file(corpus: Corpus, tmp_path: Path, workers: Workers) -> None:
    cache = DictCache()
    before = create_optimized(corpus, tmp_path / "out", cache=cache, workers=workers).work["chunks_processed"]
    edited(corpus)
    validated = validate_optimized(tmp_path / "out", corpus, cache=cache, workers=workers)
    assert validated.digest == validate_naive(tmp_path / "out", corpus).digest
    assert (validated.work["chunks_processed"], validated.work["chunks_reused"]) == (1, before - 1)
    edited(corpus, "limit=7)", "limit=8)")
    created = create_optimized(corpus, tmp_path / "out", cache=cache, workers=workers)
    assert created.digest == create_naive(corpus, tmp_path / "naive").digest
    assert (created.work["chunks_processed"], created.work["chunks_reused"]) == (1, before - 1)
