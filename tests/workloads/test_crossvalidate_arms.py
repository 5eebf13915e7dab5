"""Both arms on whole folders: the same findings, exact counts of work, planted defects found, bad input refused."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.cache import build_tiers
from perflab.config import Config
from perflab.errors import SourceError
from perflab.parallel import Workers
from perflab.record import Recorder
from perflab.workloads.analysis import Cache
from perflab.workloads.corpus import Corpus, select
from perflab.workloads.crossvalidate import (
    DEFAULT_COUNTS,
    RULES,
    Finding,
    Planted,
    Validated,
    optimized,
    plant,
    score,
    validate_naive,
    validate_optimized,
)
from perflab.workloads.documents import create_optimized
from perflab.workloads.facts import file_facts

FEATURES = ("alpha", "beta", "gamma", "delta")


class DictCache:
    """The part of a cache that the workload uses, without bounds."""

    def __init__(self) -> None:
        self.entries: dict[object, object] = {}

    def get(self, key: object, default: object = None) -> object:
        return self.entries.get(key, default)

    def set(self, key: object, value: object) -> None:
        self.entries[key] = value


def write(root: Path, texts: dict[str, str]) -> Path:
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.md")}


def source_tree(root: Path) -> Corpus:
    """Two modules a feature, each with its own functions; the second imports the first."""
    texts = {}
    for feature in FEATURES:
        for part in ("one", "two"):
            words = ", ".join(f"{feature}_{part}_{n}" for n in range(3))
            texts[f"{feature}/{part}.py"] = f"def make({words}, size=1, *, unit='m'):\n    return unit\n\nLIMIT = 3\n"
    return select(write(root, texts))


def front_matter(kind: str, feature: str, inputs: dict[str, str], depends: str = "") -> str:
    lines = "".join(f"  {path}: {value}\n" for path, value in inputs.items())
    head = f"id: DOC-{feature}-{kind}".upper().replace("ID:", "id:")
    return f"---\n{head}\nkind: {kind}\nfeature: {feature}\ndepends: [{depends}]\ninputs:\n{lines}---\n# {feature}\n"


def document_set(corpus: Corpus) -> dict[str, str]:
    """Clean documents of a corpus: three a feature, with prose that no other section has."""
    texts: dict[str, str] = {}
    for feature in FEATURES:
        files = [file for file in corpus.files if file.feature == feature]
        facts = [file_facts(file.path, file.absolute.read_bytes()) for file in files]
        inputs = {item["path"]: item["digest"] for item in facts}
        name = feature.upper()
        bodies = {"requirements": "", "design": "", "tasks": ""}
        for number, item in enumerate(facts, 1):
            about = f"{name}-{number:03}"
            prose = " ".join(f"{feature}{number}word{n}" for n in range(60))
            lines = f"- quantity: {item['path']} | lines | {item['lines']} lines\n"
            signature = f"- signature: `{item['symbols'][0]['signature']}`\n"
            bodies["requirements"] += f"### REQ-{about}: r\n{prose}\n{lines}{signature}"
            bodies["design"] += (
                f"### DES-{about}: d\nImplements: [REQ-{about}]\n- path: `{item['path']}`\n"
                f"- symbol: `{item['module']}.LIMIT`\n{lines}{signature}"
            )
            before = f"Depends on: [TASK-{name}-001]\n" if number == 2 else ""
            bodies["tasks"] += f"### TASK-{about}: t\nImplements: [DES-{about}]\n{before}"
        for kind, body in bodies.items():
            texts[f"specs/{feature}/{kind}.md"] = front_matter(kind, feature, inputs) + body
    return texts


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return source_tree(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def clean(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("documents"), document_set(corpus))


def run_optimized(documents: Path, corpus: Corpus, cache: Cache | None = None, **options: object) -> Validated:
    with Workers(1) as workers:
        return validate_optimized(
            documents, corpus, cache=DictCache() if cache is None else cache, workers=workers, **options
        )  # type: ignore[arg-type]


def test_a_clean_set_has_no_findings(clean: Path, corpus: Corpus) -> None:
    naive, fast = validate_naive(clean, corpus), run_optimized(clean, corpus)
    assert naive.findings == fast.findings == ()
    assert naive.digest == fast.digest


def test_planted_defects_are_found_by_both_arms_alike(clean: Path, corpus: Corpus, tmp_path: Path) -> None:
    planted = plant(clean, tmp_path / "defects", seed=7)
    naive, fast = validate_naive(tmp_path / "defects", corpus), run_optimized(tmp_path / "defects", corpus)
    assert naive.findings == fast.findings
    assert naive.digest == fast.digest
    assert {rule: sum(item.rule == rule for item in planted) for rule in RULES} == dict(DEFAULT_COUNTS)
    assert [(item.precision, item.recall) for item in score(naive.findings, planted)] == [(1.0, 1.0)] * 13


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 10_000), counts=st.dictionaries(st.sampled_from(RULES), st.integers(0, 4)))
def test_any_seed_plants_what_is_found(seed: int, counts: dict[str, int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        corpus = source_tree(Path(folder, "source"))
        clean = write(Path(folder, "clean"), document_set(corpus))
        planted = plant(clean, Path(folder, "planted"), seed, counts)
        findings = run_optimized(Path(folder, "planted"), corpus).findings
    assert {(item.rule, item.subject) for item in findings} == {(item.rule, item.subject) for item in planted}
    assert len(planted) == len({(item.rule, item.subject) for item in planted}) <= sum(counts.values())


def test_planting_is_repeatable_and_leaves_the_original(clean: Path, tmp_path: Path) -> None:
    before = contents(clean)
    first, second, other = (plant(clean, tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert first == second != other
    assert contents(tmp_path / "a") == contents(tmp_path / "b") != contents(tmp_path / "c")
    assert before == contents(clean)


def test_planting_refuses_unknown_rules_and_used_folders(clean: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="spelling"):
        plant(clean, tmp_path / "x", 1, {"spelling": 1})
    with pytest.raises(ValueError, match="-1"):
        plant(clean, tmp_path / "x", 1, {"default": -1})
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SourceError, match="not empty"):
        plant(clean, tmp_path, 1)


def test_a_set_without_places_gets_fewer_defects(tmp_path: Path) -> None:
    write(tmp_path / "clean", {"a.md": front_matter("design", "a", {})})
    assert plant(tmp_path / "clean", tmp_path / "planted", 1) == []


@pytest.mark.parametrize("seed", range(6))
def test_planted_cycles_do_not_grow_together(seed: int, corpus: Corpus, tmp_path: Path) -> None:
    chain = "### TASK-A-001: a\n### TASK-A-002: b\nDepends on: [TASK-A-001]\n"
    fork = "### TASK-A-003: c\nDepends on: [TASK-A-001], [TASK-A-002]\n"
    write(tmp_path / "clean", {"a.md": front_matter("tasks", "a", {}) + chain + fork})
    planted = plant(tmp_path / "clean", tmp_path / "planted", seed, {"task-cycle": 5})
    findings = run_optimized(tmp_path / "planted", corpus).findings
    # 003 also reaches 001 through 002, so a cycle of those two would take in 002
    assert [item.subject for item in findings] == [item.subject for item in planted]
    assert len(planted) == 1


def test_scores_count_wrong_missed_and_undefined() -> None:
    findings = [Finding("a.md", 1, "default", "f", ""), Finding("a.md", 2, "default", "g", "")]
    planted = [Planted("default", "a.md", "f"), Planted("signature", "a.md", "h")]
    scores = {item.rule: item for item in score(findings, planted)}
    assert (scores["all"].precision, scores["all"].recall) == (0.5, 0.5)
    assert (scores["default"].precision, scores["default"].recall) == (0.5, 1.0)
    assert math.isnan(scores["signature"].precision)
    assert scores["signature"].recall == 0.0
    assert math.isnan(scores["task-cycle"].recall)


# work


def test_the_optimized_arm_does_each_thing_once_and_then_what_changed(
    clean: Path, corpus: Corpus, tmp_path: Path
) -> None:
    documents = Path(shutil.copytree(clean, tmp_path / "documents"))
    cache = DictCache()
    cold = run_optimized(documents, corpus, cache)
    assert dict(cold.work) == {
        "chunks_processed": 0,
        "chunks_reused": 0,
        "documents_checked": 12,
        "documents_parsed": 12,
        "facts_computed": 8,
        "facts_reused": 0,
        "pairs_compared": 0,
        "pairs_possible": 78,
    }
    warm = run_optimized(documents, corpus, cache)
    assert dict(warm.work) == dict.fromkeys(cold.work, 0) | {"pairs_possible": 78}

    edited = documents / "specs/beta/design.md"
    edited.write_text(edited.read_text().replace("| 4 lines", "| 9 lines"))
    changed = run_optimized(documents, corpus, cache)
    # the edited design, against the requirements of its feature, and against the code of its feature's two files
    assert (changed.work["documents_parsed"], changed.work["documents_checked"]) == (1, 1)
    assert changed.work["pairs_compared"] == 1
    assert changed.findings == validate_naive(documents, corpus).findings != ()


def test_an_edited_source_file_has_only_its_documents_checked_again(tmp_path: Path) -> None:
    corpus = source_tree(tmp_path / "source")
    documents = write(tmp_path / "documents", document_set(corpus))
    cache = DictCache()
    run_optimized(documents, corpus, cache)
    edited = tmp_path / "source/beta/one.py"
    edited.write_text(edited.read_text().replace("size=1", "size=2"))
    again = run_optimized(documents, corpus, cache)
    assert again.work["documents_checked"] == 3
    assert (again.work["facts_computed"], again.work["facts_reused"]) == (1, 1)
    assert again.work["documents_parsed"] == 0
    assert again.findings == validate_naive(documents, corpus).findings
    assert {finding.rule for finding in again.findings} == {"stale-digest", "default"}


def test_the_naive_arm_parses_for_every_check(clean: Path, corpus: Corpus) -> None:
    work = validate_naive(clean, corpus).work
    assert work["pairs_compared"] == work["pairs_possible"] == 78
    assert work["documents_parsed"] == 2 * 78 + 3 * 12 + 12


def test_a_moved_copy_of_a_document_is_another_document(clean: Path, corpus: Corpus, tmp_path: Path) -> None:
    documents = Path(shutil.copytree(clean, tmp_path / "documents"))
    cache = DictCache()
    (documents / "specs/beta/design.md").write_text("---\nid: DOC-X\nkind: design\ndepends: [DOC-Y]\n---\n# x\n")
    run_optimized(documents, corpus, cache)
    (documents / "specs/beta/design.md").rename(documents / "moved.md")
    moved = run_optimized(documents, corpus, cache)
    assert "moved.md" in {finding.document for finding in moved.findings}
    assert moved.findings == validate_naive(documents, corpus).findings


def test_worker_processes_give_the_same_findings(
    clean: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(clean, tmp_path / "defects", seed=3)
    monkeypatch.setattr(optimized, "POOL_BYTES", 0)
    with Workers(2, "processes") as workers:
        fast = validate_optimized(tmp_path / "defects", corpus, cache=DictCache(), workers=workers)  # type: ignore[arg-type]
    assert fast.digest == validate_naive(tmp_path / "defects", corpus).digest


def test_results_on_disk_are_found_by_the_next_process(clean: Path, corpus: Corpus, tmp_path: Path) -> None:
    config = Config(cache={"l3_dir": tmp_path / "store"})
    for expected in (12, 0):
        with build_tiers(config) as cache:
            assert run_optimized(clean, corpus, cache).work["documents_parsed"] == expected


def test_documents_that_were_just_created_are_clean_and_their_facts_known(tmp_path: Path) -> None:
    corpus = select(limit_bytes=60_000)
    cache = DictCache()
    with Workers(1) as workers:
        create_optimized(corpus, tmp_path / "documents", cache=cache, workers=workers)
    result = run_optimized(tmp_path / "documents", corpus, cache)
    assert result.findings == validate_naive(tmp_path / "documents", corpus).findings == ()
    assert result.work["facts_computed"] == 0 < result.work["facts_reused"]
    planted = plant(tmp_path / "documents", tmp_path / "defects", seed=2026)
    total = score(run_optimized(tmp_path / "defects", corpus, cache).findings, planted)[0]
    assert (total.precision, total.recall) == (1.0, 1.0)
    assert {item.rule for item in planted} == set(RULES)


def test_every_step_is_recorded(clean: Path, corpus: Corpus) -> None:
    recorder = Recorder()
    run_optimized(clean, corpus, recorder=recorder)
    operations = recorder.frames.operations.set_index("name")
    steps = {f"cross-validation-{step}" for step in ("read", "parse", "pairs", "set", "code")}
    assert {"cross-validation", *steps} <= set(operations.index)
    assert operations.loc["cross-validation-read", "nbytes"] == sum(p.stat().st_size for p in clean.rglob("*.md"))
    root = operations.loc["cross-validation", "operation_id"]
    assert all(operations.loc[step, "parent_id"] == root for step in steps)


_LINE = st.one_of(
    st.builds(
        "- quantity: {} | n | {} {}".format,
        st.sampled_from(["x", "alpha/one.py"]),
        st.sampled_from(["1", "2", "4.0", "1e3"]),
        st.sampled_from(["kB", "bytes", "lines", ""]),
    ),
    st.builds("### {}-A-00{}: t".format, st.sampled_from(["REQ", "DES", "TASK"]), st.sampled_from("123")),
    st.builds(
        "{}: [{}-A-00{}]".format,
        st.sampled_from(["Implements", "Depends on"]),
        st.sampled_from(["REQ", "DES", "TASK"]),
        st.sampled_from("1234"),
    ),
    st.builds("- {}: `{}`".format, st.sampled_from(["path", "symbol", "signature"]), st.sampled_from(
        ["alpha/one.py", "alpha.one.make", "alpha.one.make(x)", "alpha.one.LIMIT", "gone", "../x"]
    )),
    st.builds(lambda start: "## S\n" + " ".join(f"w{n}" for n in range(start, start + 50)), st.integers(0, 9)),
)  # fmt: skip
_TEXT = st.builds(
    lambda name, lines: f"---\nid: DOC-{name}\nkind: design\ndepends: [DOC-A]\n---\n# T\n" + "\n".join(lines),
    st.sampled_from("ABC"),
    st.lists(_LINE, max_size=8),
)


@settings(deadline=None, max_examples=40)
@given(texts=st.lists(_TEXT, min_size=1, max_size=5), edit=_TEXT)
def test_both_arms_agree_on_any_documents_also_after_an_edit(texts: list[str], edit: str, corpus: Corpus) -> None:
    cache = DictCache()
    with tempfile.TemporaryDirectory() as folder:
        documents = write(Path(folder), {f"d{number}.md": text for number, text in enumerate(texts)})
        assert run_optimized(documents, corpus, cache).findings == validate_naive(documents, corpus).findings
        write(documents, {"d0.md": edit})
        assert run_optimized(documents, corpus, cache).digest == validate_naive(documents, corpus).digest


# bad input

HOSTILE = [
    "### REQ-A-001: <script>alert(1)</script>",
    "- path: `../../../etc/passwd`",
    "- path: `/dev/zero`",
    "- path: `a\0b`",
    "- symbol: `__import__('os').system('touch pwned')`",
    "- signature: `alpha.one.make(x=__import__('os').abort())`",
    "- signature: `alpha.one.make" + "(" * 5_000 + "`",
    "- quantity: =HYPERLINK(1) | \x1b[31m | 1e999 s",
    "- quantity: =HYPERLINK(1) | \x1b[31m | 5 s",
    "Depends on: [" + "A" * 10_000 + "], [\u202egnp], [[x]]",
    "{{ 7 * 7 }} {% raw %} %s {0}",
]


def test_hostile_text_is_only_quoted(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    body = "\n".join(HOSTILE)
    text = f"---\nid: DOC-A\nkind: design\ndepends: []\ninputs:\n  ../../x: sha256:00\n---\n# A\n{body}\n"
    documents = write(tmp_path / "documents", {"a.md": text, "b.md": text.replace("DOC-A", "DOC-B")})
    naive, fast = validate_naive(documents, corpus), run_optimized(documents, corpus)
    assert naive.findings == fast.findings
    assert {"/dev/zero", "../../x", "../../../etc/passwd", "REQ-A-001"} <= {item.subject for item in naive.findings}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["documents"]


def refused(documents: Path, corpus: Corpus, match: str) -> None:
    for run in (validate_naive, run_optimized):
        with pytest.raises(SourceError, match=match):
            run(documents, corpus)


def test_a_folder_without_documents_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    refused(tmp_path, corpus, "holds no .md file")
    refused(tmp_path / "missing", corpus, "is not a folder")


def test_invalid_utf8_is_refused_by_name(clean: Path, corpus: Corpus, tmp_path: Path) -> None:
    documents = Path(shutil.copytree(clean, tmp_path / "documents"))
    (documents / "specs/beta/tasks.md").write_bytes(b"---\nid: \xff\n---\n")
    refused(documents, corpus, r"'specs/beta/tasks.md' is not valid UTF-8 at byte 8")


def test_a_file_that_is_no_document_is_refused_by_name(clean: Path, corpus: Corpus, tmp_path: Path) -> None:
    documents = Path(shutil.copytree(clean, tmp_path / "documents"))
    (documents / "notes.md").write_text("# my notes\n")
    refused(documents, corpus, "notes.md does not start|notes.md: it does not start|notes.md is .*front matter")


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_regular_file_is_refused_by_name(kind: str, clean: Path, corpus: Corpus, tmp_path: Path) -> None:
    documents = Path(shutil.copytree(clean, tmp_path / "documents"))
    target = documents / "zz.md"
    if kind == "link":
        target.symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(target)
    else:
        target.mkdir()
        assert validate_naive(documents, corpus).findings == ()  # a folder's name says nothing
        return
    refused(documents, corpus, "'zz.md' is not a regular file")


def test_an_unreadable_document_is_refused_by_name(
    clean: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = Path(shutil.copytree(clean, tmp_path / "documents"))
    real = Path.read_bytes

    def read_bytes(self: Path) -> bytes:
        if self.name == "tasks.md":
            raise PermissionError(13, "Permission denied")
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    refused(documents, corpus, "tasks.md' cannot be read: Permission denied")


def test_a_source_file_that_vanished_is_named(tmp_path: Path) -> None:
    corpus = source_tree(tmp_path / "source")
    documents = write(tmp_path / "documents", document_set(corpus))
    (tmp_path / "source/beta/one.py").unlink()
    refused(documents, corpus, "beta/one.py cannot be read")
