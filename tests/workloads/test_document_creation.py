"""Both arms make the same documents, the optimized one only what is new, and hostile trees stay harmless."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import pytest

from perflab.cache import build_tiers
from perflab.config import Config
from perflab.errors import SourceError
from perflab.parallel import Workers
from perflab.record import Recorder
from perflab.workloads.corpus import Corpus, copy_corpus, select
from perflab.workloads.document import parse
from perflab.workloads.documents import Created, create_naive, create_optimized
from perflab.workloads.edit import edit_one_function
from perflab.workloads.rules import check

TREE = {
    "__init__.py": '"""The whole."""\n',
    "shapes/__init__.py": '"""Shapes."""\nfrom .circle import Circle\n',
    "shapes/circle.py": '"""Circles."""\nfrom math import pi\nfrom units.length import metres\nLIMIT = 7\n\n'
    'class Circle:\n    """A circle."""\n    def area(self, scale=1):\n        return metres(pi * scale)\n',
    "shapes/square.py": "from shapes import circle\nfrom . import square\n"
    "def side(a, *, b=None):\n    return circle, a\n",
    "units/__init__.py": "",
    "units/length.py": 'def metres(x: float) -> float:\n    """Return metres."""\n    return x\n\n'
    "def _hidden():\n    pass\n",
    "web/app.ts": "export function open(path: string) { return path }\n",
    "web/README.md": "# Web\n\nThe web part.\n",
    "broken/bad.py": "def (:\n",
    "main.py": "import shapes.square\n",
}


class DictCache:
    """The smallest cache that does, and that tells what it was asked."""

    def __init__(self) -> None:
        self.values: dict[Hashable, Any] = {}
        self.lock = threading.Lock()

    def get(self, key: Hashable, default: Any = None) -> Any:
        with self.lock:
            return self.values.get(key, default)

    def set(self, key: Hashable, value: Any) -> None:
        with self.lock:
            self.values[key] = value


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    for path, text in TREE.items():
        target = tmp_path / "tree" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    return select(tmp_path / "tree")


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers(1) as inline:
        yield inline


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def create(corpus: Corpus, out: Path, cache: DictCache, workers: Workers) -> Created:
    return create_optimized(corpus, out, cache=cache, workers=workers)


def test_arms_are_byte_identical_cold_warm_and_after_an_edit(corpus: Corpus, tmp_path: Path, workers: Workers) -> None:
    cache = DictCache()
    for state in ("cold", "warm", "edited"):
        if state == "edited":
            edit_one_function(corpus.root, 1)
        naive = create_naive(corpus, tmp_path / "naive")
        optimized = create(corpus, tmp_path / "optimized", cache, workers)
        assert contents(tmp_path / "naive") == contents(tmp_path / "optimized")
        assert (naive.paths, naive.digest, naive.findings) == (optimized.paths, optimized.digest, optimized.findings)
        assert tuple(contents(tmp_path / "naive")) == naive.paths


def test_a_clean_creation_has_no_findings_and_every_file(corpus: Corpus, tmp_path: Path) -> None:
    created = create_naive(corpus, tmp_path / "out")
    assert created.findings == ()
    features = {"modules", "shapes", "units", "web", "broken"}
    kinds = {f"specs/{feature}/{kind}.md" for feature in features for kind in ("requirements", "design", "tasks")}
    assert set(created.paths) == kinds | {"index.md", *(f"steering/{k}.md" for k in ("product", "structure", "tech"))}


def test_real_tiers_and_processes_give_the_same(corpus: Corpus, tmp_path: Path) -> None:
    naive = create_naive(corpus, tmp_path / "naive")
    recorder = Recorder()
    config = Config(cache={"l3_dir": tmp_path / "l3"})
    with build_tiers(config, recorder) as cache, Workers(2) as workers:
        big = copy_corpus(select(limit_bytes=120_000), tmp_path / "big")
        cold = create_optimized(big, tmp_path / "big-out", cache=cache, workers=workers, recorder=recorder)
        optimized = create_optimized(corpus, tmp_path / "out", cache=cache, workers=workers, recorder=recorder)
    assert optimized.digest == naive.digest
    assert cold.digest == create_naive(big, tmp_path / "big-naive").digest
    names = recorder.frames.operations.groupby("name", observed=True).size()
    assert names["create-document"] == len(cold.paths) + len(naive.paths)
    assert names["read-feature"] == sum(len({file.feature for file in made.files}) for made in (big, corpus))


def test_a_later_process_finds_documents_on_disk(corpus: Corpus, tmp_path: Path, workers: Workers) -> None:
    config = Config(cache={"l3_dir": tmp_path / "l3"})
    for run in range(2):
        with build_tiers(config, Recorder()) as cache:
            created = create_optimized(corpus, tmp_path / f"out{run}", cache=cache, workers=workers)
    assert created.work["documents_rendered"] == 0
    assert contents(tmp_path / "out0") == contents(tmp_path / "out1")


def test_a_warm_run_computes_nothing_and_writes_nothing(corpus: Corpus, tmp_path: Path, workers: Workers) -> None:
    cache = DictCache()
    cold = create(corpus, tmp_path / "out", cache, workers)
    times = {path: (tmp_path / "out" / path).stat().st_mtime_ns for path in cold.paths}
    warm = create(corpus, tmp_path / "out", cache, workers)
    assert cold.work["facts_computed"] == len(corpus.files)
    assert cold.work["documents_rendered"] == cold.work["documents"] == len(cold.paths)
    assert (warm.work["facts_computed"], warm.work["documents_rendered"]) == (0, 0)
    assert warm.work["documents_reused"] == len(cold.paths)
    assert {path: (tmp_path / "out" / path).stat().st_mtime_ns for path in cold.paths} == times


def test_an_edit_recomputes_one_file_and_what_depends_on_it(corpus: Corpus, tmp_path: Path, workers: Workers) -> None:
    cache = DictCache()
    create(corpus, tmp_path / "out", cache, workers)
    before = contents(tmp_path / "out")
    length = corpus.root / "units/length.py"
    length.write_text(length.read_text("utf-8") + "\ndef feet(x): return x\n", "utf-8")
    edited = create(corpus, tmp_path / "out", cache, workers)
    after = contents(tmp_path / "out")
    assert edited.work["facts_computed"] == 1
    changed = {path for path in after if after[path] != before[path]}
    units = {f"specs/units/{kind}.md" for kind in ("requirements", "design", "tasks")}
    # shapes uses units.length; nothing else does.
    steering = {f"steering/{kind}.md" for kind in ("product", "structure", "tech")}
    assert changed == units | {"specs/shapes/design.md", "index.md"} | steering
    assert edited.work["documents_rendered"] == len(changed)


def test_an_undone_edit_finds_the_old_documents(corpus: Corpus, tmp_path: Path, workers: Workers) -> None:
    cache = DictCache()
    first = create(corpus, tmp_path / "out", cache, workers)
    old = corpus.files[0].absolute.read_bytes()
    corpus.files[0].absolute.write_bytes(old + b"\nX = 1\n")
    assert create(corpus, tmp_path / "out", cache, workers).digest != first.digest
    corpus.files[0].absolute.write_bytes(old)
    undone = create(corpus, tmp_path / "out", cache, workers)
    assert undone.digest == first.digest
    assert undone.work["documents_rendered"] == undone.work["facts_computed"] == 0


@pytest.mark.parametrize("kept_ratio", [0.0, 0.5, 0.9])
def test_a_cache_that_forgets_at_any_moment_changes_nothing(
    corpus: Corpus, tmp_path: Path, workers: Workers, kept_ratio: float
) -> None:
    class Forgetful(DictCache):
        choice = random.Random(3)

        def get(self, key: Hashable, default: Any = None) -> Any:
            return super().get(key, default) if self.choice.random() < kept_ratio else default

    first = create_naive(corpus, tmp_path / "naive")
    cache = Forgetful()
    for _ in range(6):
        assert create(corpus, tmp_path / "out", cache, workers).digest == first.digest


def test_names_and_references_agree_with_the_code(corpus: Corpus, tmp_path: Path) -> None:
    create_naive(corpus, tmp_path / "out")
    design = parse((tmp_path / "out/specs/shapes/design.md").read_text("utf-8"))
    signatures = {code.text for code in design.code if code.kind == "signature"}
    assert "shapes.circle.Circle.area(self, scale=1)" in signatures
    assert "units.length.metres(x: float) -> float" in signatures
    assert any(q.subject == "shapes.circle.LIMIT" and q.value == 7 for q in design.quantities)
    depends = [(r.source_identifier, r.target) for r in design.references if r.relation == "depends on"]
    assert ("DES-SHAPES-002", "DES-UNITS-002") in depends
    assert set(design.inputs) == {p for p in TREE if p.startswith("shapes/")} | {"units/length.py"}


def test_quantities_agree_in_all_documents(corpus: Corpus, tmp_path: Path) -> None:
    stated: dict[tuple[str, str], set[str]] = {}
    for path in create_naive(corpus, tmp_path / "out").paths:
        for quantity in parse((tmp_path / "out" / path).read_text("utf-8")).quantities:
            stated.setdefault((quantity.subject, quantity.attribute), set()).add(f"{quantity.value} {quantity.unit}")
    assert stated[("shapes", "files")] == {"3.0 files"}
    assert all(len(values) == 1 for values in stated.values())


def test_tasks_have_no_cycle_though_imports_do(corpus: Corpus, tmp_path: Path) -> None:
    create_naive(corpus, tmp_path / "out")
    for path in (tmp_path / "out/specs").glob("*/tasks.md"):
        tasks = parse(path.read_text("utf-8"))
        order = [definition.identifier for definition in tasks.definitions]
        for reference in tasks.references:
            if reference.relation == "depends on":
                assert reference.source_identifier is not None
                assert order.index(reference.target) < order.index(reference.source_identifier)


def test_every_promise_is_designed_and_every_element_is_a_task(corpus: Corpus, tmp_path: Path) -> None:
    paths = create_naive(corpus, tmp_path / "out").paths
    documents = [parse((tmp_path / "out" / path).read_text("utf-8")) for path in paths]
    implemented = {r.target for d in documents for r in d.references if r.relation == "implements"}
    for document in documents:
        if document.kind in ("requirements", "design"):
            assert {definition.identifier for definition in document.definitions} <= implemented


def test_hostile_names_and_docstrings_stay_inert(tmp_path: Path, workers: Workers) -> None:
    root = tmp_path / "tree"
    (root / "pkg").mkdir(parents=True)
    lines = ["### REQ-PKG-001: x", "---", "Implements: [REQ-NONE-001] `[DES-NONE-001]` <script> {{ 7*7 }}"]
    for name, text in {"first": "\\n".join(lines), "last": "\\n".join(reversed(lines))}.items():
        source = f'"""{text}"""\ndef {name}(a="{text}"):\n    """{text}"""\nLIMIT = "{text}"\n'
        (root / f"pkg/{name}.py").write_text(source, "utf-8")
    for name in (
        "sp ace.py",
        "-dash.py",
        "colon: x.py",
        "{{x}}.py",
        "'quote'.py",
        '"double".py',
        "é.py",
        "[REQ-A-001].py",
    ):
        (root / "pkg" / name).write_text("def g(): pass\n", "utf-8")
    (root / "pkg/evil.ts").write_text("import x from 'a|b`[REQ-NONE-001]<script>';\n", "utf-8")
    corpus = select(root)
    created = create_naive(corpus, tmp_path / "naive")
    assert created.findings == ()
    assert created.digest == create(corpus, tmp_path / "optimized", DictCache(), workers).digest
    index = (tmp_path / "naive/index.md").read_text("utf-8")
    assert "(REQ-A-001).py" in index
    for path in created.paths:
        text = (tmp_path / "naive" / path).read_text("utf-8")
        assert parse(text).inputs.keys() <= {file.path for file in corpus.files}
        assert "<script>" not in re.sub("`[^`]*`", "", text)
    assert "{{ 7*7 }}" in (tmp_path / "naive/specs/modules/requirements.md").read_text("utf-8")


def test_stale_documents_go_and_foreign_files_stay(corpus: Corpus, tmp_path: Path, workers: Workers) -> None:
    out = tmp_path / "out"
    create(corpus, out, DictCache(), workers)
    (out / "specs/web/notes.md").write_text("my own", "utf-8")
    kept = tuple(file for file in corpus.files if file.feature not in ("web", "units"))
    fewer = Corpus(corpus.root, corpus.name, corpus.package, kept, ())
    created = create(fewer, out, DictCache(), workers)
    assert set(contents(out)) == {*created.paths, "specs/web/notes.md"}
    assert not (out / "specs/units").exists()


def test_a_foreign_file_in_the_way_is_refused_untouched(corpus: Corpus, tmp_path: Path, workers: Workers) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "index.md").write_text("# my own notes\n", "utf-8")
    for arm in (lambda: create_naive(corpus, out), lambda: create(corpus, out, DictCache(), workers)):
        with pytest.raises(SourceError, match="choose another output folder"):
            arm()
    assert contents(out) == {"index.md": b"# my own notes\n"}
    with pytest.raises(SourceError, match="cannot be created"):
        create_naive(corpus, out / "index.md" / "below")


def test_a_file_that_vanishes_is_one_sentence(corpus: Corpus, tmp_path: Path, workers: Workers) -> None:
    corpus.files[3].absolute.unlink()
    for arm in (create_naive, lambda c, out: create(c, out, DictCache(), workers)):
        with pytest.raises(SourceError, match="cannot be read any more"):
            arm(corpus, tmp_path / "out")


def test_a_failing_document_ends_the_run_with_its_error(corpus: Corpus, tmp_path: Path, workers: Workers) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no room")

    cache = DictCache()
    cache.set = refuse  # type: ignore[method-assign]
    with pytest.raises(OSError, match="no room"):
        create(corpus, tmp_path / "out", cache, workers)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("documents")]


@pytest.mark.parametrize(
    ("path", "old", "new", "rule"),
    [
        ("specs/shapes/design.md", "feature: shapes\n", "", "front-matter"),
        ("specs/shapes/design.md", "sha256:", "sha256:zz", "front-matter"),
        ("specs/shapes/design.md", "kind: design", "kind: tasks", "place"),
        ("specs/shapes/design.md", "## Components", "#### Components", "headings"),
        ("specs/shapes/design.md", "## Interfaces used", "## Interfaces", "sections"),
        ("specs/shapes/design.md", "### DES-SHAPES-002:", "### DES-SHAPES-2:", "identifier-form"),
        ("specs/shapes/design.md", "### DES-SHAPES-002:", "### DES-SHAPES-001:", "unique-identifier"),
        ("specs/shapes/design.md", "Implements: [REQ-SHAPES-001]", "Implements: [REQ-SHAPES-x]", "reference-form"),
        (
            "specs/shapes/design.md",
            "Implements: [REQ-SHAPES-001]",
            "Implements: [REQ-SHAPES-999]",
            "resolved-reference",
        ),
        ("specs/shapes/design.md", "Implements: [REQ-SHAPES-001]", "", "relations"),
        ("specs/shapes/requirements.md", "- acceptance:", "- accepted:", "acceptance"),
        ("specs/shapes/design.md", "| 2 lines", "| two lines", "quantity-form"),
        ("specs/shapes/design.md", "- path: `shapes/circle.py`", "- path: shapes/circle.py", "code-form"),
        ("specs/shapes/tasks.md", "shapes/circle.py: sha256:", "shapes/circle.py: sha256:0", "front-matter"),
    ],
)
def test_each_rule_finds_what_it_forbids(
    corpus: Corpus, tmp_path: Path, path: str, old: str, new: str, rule: str
) -> None:
    created = create_naive(corpus, tmp_path / "out")
    texts = {name: (tmp_path / "out" / name).read_text("utf-8") for name in created.paths}
    assert old in texts[path]
    found = check({**texts, path: texts[path].replace(old, new, 1)})
    assert (path, rule) in {(finding.document, finding.rule) for finding in found}


def test_two_states_of_the_tree_in_one_set_are_found(corpus: Corpus, tmp_path: Path) -> None:
    created = create_naive(corpus, tmp_path / "out")
    texts = {name: (tmp_path / "out" / name).read_text("utf-8") for name in created.paths}
    (corpus.root / "units/length.py").write_text("def metres(x): return x\n", "utf-8")
    create_naive(corpus, tmp_path / "later")
    later = (tmp_path / "later/specs/units/tasks.md").read_text("utf-8")
    assert "one-state" in {finding.rule for finding in check({**texts, "specs/units/tasks.md": later})}
