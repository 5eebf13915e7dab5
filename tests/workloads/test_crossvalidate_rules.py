"""Each rule on tiny documents: what it must find, and what it must leave alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.workloads.crossvalidate.code import check_code, files_analysed, files_named, modules
from perflab.workloads.crossvalidate.coverage import uncovered
from perflab.workloads.crossvalidate.cycles import components, task_cycles
from perflab.workloads.crossvalidate.finding import Finding, digest
from perflab.workloads.crossvalidate.identifiers import duplicates, undefined
from perflab.workloads.crossvalidate.pairs import all_pairs, candidate_pairs, check_pair
from perflab.workloads.crossvalidate.passages import MIN_SHINGLES
from perflab.workloads.crossvalidate.quantities import contradict, contradictions
from perflab.workloads.crossvalidate.signatures import name_of, parameters, rule_for
from perflab.workloads.crossvalidate.similarity import THRESHOLD, jaccard, near_duplicates, prefix_length
from perflab.workloads.crossvalidate.sources import measure
from perflab.workloads.crossvalidate.statements import Statements, from_bytes, state, to_bytes
from perflab.workloads.document import Quantity, parse
from perflab.workloads.facts import file_facts

WORDS = [f"word{number}" for number in range(200)]


def doc(path: str, body: str = "", *, inputs: dict[str, str] | None = None, depends: str = "") -> Statements:
    lines = "".join(f"  {name}: {value}\n" for name, value in (inputs or {}).items())
    name = path.removesuffix(".md").upper()
    text = f"---\nid: DOC-{name}\nkind: design\ndepends: [{depends}]\ninputs:\n{lines}---\n# {name}\n{body}\n"
    return state(parse(text, path))


def stated(*lines: str) -> str:
    return "\n".join(f"- quantity: {line}" for line in lines)


def subjects(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    return [(finding.rule, finding.subject) for finding in findings]


# quantities


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((356, "lines"), (356, "lines"), False),
        ((356, "lines"), (357, "lines"), True),
        ((12.5, "kB"), (12_466, "bytes"), False),
        ((12.5, "kB"), (12_560, "bytes"), True),
        ((12.5, "kB"), (12.5, "KiB"), True),
        ((1, "MB"), (1.4, "MB"), False),  # "1 MB" may stand for anything up to 1.5 MB
        ((1, "MiB"), (1024, "KiB"), False),
        ((1.5, "s"), (1500, "ms"), False),
        ((1.5, "s"), (150, "ms"), True),
        ((2, "min"), (120, "s"), False),
        ((75, "%"), (0.75, "ratio"), False),
        ((75, "%"), (0.85, "ratio"), True),
        ((3, ""), (3, "count"), False),
        ((3, "files"), (4, "files"), True),
        ((3, "files"), (3, "bytes"), True),
        ((float("inf"), "s"), (float("inf"), "s"), False),
        ((float("inf"), "s"), (1, "s"), True),
    ],
)
def test_quantities_contradict_after_conversion(
    one: tuple[float, str], other: tuple[float, str], expected: bool
) -> None:
    a, b = (Quantity("x", "y", float(value), unit, 1) for value, unit in (one, other))
    assert contradict(a, b) is contradict(b, a) is expected


def test_a_contradiction_names_both_places() -> None:
    a, b = doc("a.md", stated("x.py | Lines | 3 lines")), doc("b.md", stated("x.py | lines | 4 lines"))
    (finding,) = contradictions(a, b)
    assert (finding.document, finding.line, finding.subject) == ("b.md", 8, "x.py | lines")
    assert "4 lines here and 3 lines in a.md line 8" in finding.message


def test_other_subjects_and_attributes_do_not_contradict() -> None:
    a, b = doc("a.md", stated("x | lines | 3")), doc("b.md", stated("y | lines | 4", "x | size | 4"))
    assert list(contradictions(a, b)) == []


def test_a_document_can_contradict_itself_once() -> None:
    a = doc("a.md", stated("x | lines | 3", "x | lines | 4"))
    assert [finding.line for finding in contradictions(a, a)] == [9]


# identifiers


def test_an_identifier_defined_in_two_documents_is_a_duplicate() -> None:
    a, b = doc("a.md", "### REQ-A-001: one"), doc("b.md", "### REQ-A-001: uno\n### REQ-A-002: due")
    assert subjects(duplicates(a, b)) == [("duplicate-identifier", "REQ-A-001")]
    assert list(duplicates(a, a)) == list(duplicates(a, doc("c.md", "### REQ-A-003: x"))) == []


def test_one_document_can_define_an_identifier_twice() -> None:
    a = doc("a.md", "### REQ-A-001: one\n### REQ-A-001: again")
    assert [finding.line for finding in duplicates(a, a)] == [9]


def test_document_identifiers_can_be_duplicates() -> None:
    a = doc("a.md")
    b = state(parse("---\nid: DOC-A\nkind: design\ndepends: []\n---\n# B\n", "b.md"))
    assert subjects(duplicates(a, b)) == [("duplicate-identifier", "DOC-A")]


def test_references_to_nothing_are_undefined() -> None:
    a = doc("a.md", "### DES-A-001: x\nImplements: [REQ-A-001], [REQ-A-002]\nsee [DOC-B] and [DOC-C]", depends="DOC-D")
    found = [finding.subject for finding in undefined([a, doc("b.md", "### REQ-A-001: y")])]
    assert found == ["DOC-D", "REQ-A-002", "DOC-C"]


# coverage


def test_requirements_need_a_design_and_designs_a_task() -> None:
    text = "### REQ-A-001: r\n### REQ-A-002: r\n### DES-A-001: d\nImplements: [REQ-A-001]\n### DES-A-002: d"
    tasks = "### TASK-A-001: t\nImplements: [DES-A-001], [REQ-A-002]\nVerifies: [DES-A-002]"
    assert subjects(uncovered([doc("a.md", text), doc("b.md", tasks)])) == [
        ("uncovered-requirement", "REQ-A-002"),
        ("uncovered-design", "DES-A-002"),
    ]


def test_full_coverage_finds_nothing() -> None:
    text = "### REQ-A-001: r\n### DES-A-001: d\nImplements: [REQ-A-001]\n### TASK-A-001: t\nImplements: [DES-A-001]"
    assert list(uncovered([doc("a.md", text)])) == []


# cycles


def tasks(**edges: str) -> Statements:
    lines = [f"### TASK-A-{name[1:]}: t\nDepends on: {_refs(targets)}" for name, targets in edges.items()]
    return doc("tasks.md", "\n".join(lines))


def _refs(targets: str) -> str:
    return ", ".join(f"[TASK-A-{target}]" for target in targets.split())


def test_each_cycle_is_found_once() -> None:
    found = task_cycles([tasks(t001="002", t002="003", t003="001 004", t004="005", t005="004", t006="001", t007="007")])
    assert [finding.subject for finding in found] == [
        "TASK-A-001, TASK-A-002, TASK-A-003",
        "TASK-A-004, TASK-A-005",
        "TASK-A-007",
    ]


def test_acyclic_tasks_and_undefined_targets_are_no_cycle() -> None:
    assert list(task_cycles([tasks(t001="002 003", t002="003", t003="999")])) == []


def test_a_long_chain_is_followed() -> None:
    graph = {f"{n:06}": {f"{n + 1:06}"} for n in range(20_000)} | {"020000": {"000000"}}
    assert [len(component) for component in components(graph)] == [20_001]


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from("abcdefg"), st.sets(st.sampled_from("abcdefg"))))
def test_components_are_the_classes_of_mutual_reachability(edges: dict[str, set[str]]) -> None:
    graph = {node: edges.get(node, set()) for node in "abcdefg"}
    reach = {node: {node} for node in graph}
    for _ in graph:
        reach = {node: seen.union(*(graph[other] for other in seen)) for node, seen in reach.items()}
    expected = {tuple(sorted(b for b in graph if b in reach[a] and a in reach[b])) for a in graph}
    assert components(graph) == sorted(expected)


# similarity


def test_sections_with_nearly_the_same_prose_are_found() -> None:
    a = doc("a.md", "## One\n" + " ".join(WORDS[:60]))
    b = doc("b.md", "## Two\n" + " ".join([*WORDS[:59], "other"]))
    assert subjects(near_duplicates(a, b)) == [("near-duplicate-section", "a.md: One | b.md: Two")]


def test_short_different_and_structured_sections_are_not_alike() -> None:
    lines = "\n".join(f"- symbol: `{word}`" for word in WORDS)
    short = "## One\n" + " ".join(WORDS[: MIN_SHINGLES + 3])
    for one, other in ((lines, lines), (short, short), (" ".join(WORDS[:60]), " ".join(WORDS[40:100]))):
        assert list(near_duplicates(doc("a.md", one), doc("b.md", other))) == []


def test_a_section_is_not_like_itself() -> None:
    a = doc("a.md", "## One\n" + " ".join(WORDS))
    assert list(near_duplicates(a, a)) == []


@settings(deadline=None, max_examples=150)
@given(st.sets(st.integers(0, 30), min_size=1), st.sets(st.integers(0, 30), min_size=1), st.permutations(range(31)))
def test_alike_sets_share_an_element_of_their_prefixes(a: set[int], b: set[int], order: list[int]) -> None:
    if jaccard(sorted(a), sorted(b)) >= THRESHOLD:
        prefixes = [set(sorted(items, key=order.index)[: prefix_length(len(items))]) for items in (a, b)]
        assert prefixes[0] & prefixes[1]


# pairs


def test_pairs_without_a_shared_claim_are_no_candidates() -> None:
    documents = [
        doc("a.md", stated("x | n | 1") + "\n### REQ-A-001: r"),
        doc("b.md", stated("x | n | 1", "y | n | 2")),
        doc("c.md", stated("y | n | 3") + "\n### REQ-A-001: r"),
    ]
    assert candidate_pairs(documents) == [(0, 2), (1, 2)]


_BODY = st.lists(
    st.one_of(
        st.builds("- quantity: {} | n | {} {}".format, *map(st.sampled_from, ("xy", "123", ("kB", "bytes", "")))),
        st.builds("### REQ-A-00{}: r".format, st.sampled_from("123")),
        st.builds(lambda n, m: "## S\n" + " ".join(WORDS[n : n + m]), st.integers(0, 8), st.integers(30, 60)),
    ),
    max_size=5,
).map("\n".join)


@settings(deadline=None, max_examples=60)
@given(st.lists(_BODY, min_size=1, max_size=5))
def test_every_pair_with_a_finding_is_a_candidate(bodies: list[str]) -> None:
    documents = [doc(f"d{number}.md", body) for number, body in enumerate(bodies)]
    breaking = [(a, b) for a, b in all_pairs(len(documents)) if check_pair(documents[a], documents[b])]
    assert set(breaking) <= set(candidate_pairs(documents))


@settings(deadline=None, max_examples=30)
@given(_BODY)
def test_statements_survive_the_cache(body: str) -> None:
    statements = doc("a.md", body, inputs={"x.py": "sha256:00"}, depends="DOC-B")
    assert from_bytes(to_bytes(statements)) == statements


# code

SOURCE = {
    "pkg/mod.py": b"LIMIT = 3\ndef area(r, pi=3.14, *, unit: str='m') -> float:\n    return r\n"
    b"class Shape:\n    def size(self, n=1): ...\n",
    "pkg/__init__.py": b"",
}


def against_code(body: str, *, inputs: dict[str, str] | None = None) -> list[tuple[str, str]]:
    document = doc("a.md", body, inputs=inputs)
    known = modules(SOURCE)
    sources = {path: measure(SOURCE[path]) for path in files_named(document) & SOURCE.keys()}
    facts = {path: file_facts(path, SOURCE[path]) for path in files_analysed(document, known)}
    return subjects(check_code(document, known, sources, facts))


@pytest.mark.parametrize(
    "line",
    [
        "- path: `pkg/mod.py`",
        "- symbol: `pkg.mod.Shape.size`",
        "- symbol: `pkg.mod.LIMIT`",
        "- symbol: `pkg.mod`",
        "- symbol: `pkg`",
        "- signature: `pkg.mod.area(r, pi=3.14, *, unit: str='m') -> float`",
        "- signature: `pkg.mod.Shape`",
        "- quantity: pkg/mod.py | lines | 5 lines",
        "- quantity: pkg/mod.py | size | 0.1 kB",
        "- quantity: pkg/other.py | lines | 99 lines",
    ],
)
def test_true_statements_about_the_code_pass(line: str) -> None:
    assert against_code(line) == []


@pytest.mark.parametrize(
    ("line", "rule", "subject"),
    [
        ("- path: `pkg/gone.py`", "missing-path", "pkg/gone.py"),
        ("- path: `../../../etc/passwd`", "missing-path", "../../../etc/passwd"),
        ("- path: `/etc/passwd`", "missing-path", "/etc/passwd"),
        ("- symbol: `pkg.mod.Shape.gone`", "missing-symbol", "pkg.mod.Shape.gone"),
        ("- symbol: `nowhere.at.all`", "missing-symbol", "nowhere.at.all"),
        ("- symbol: ``", "missing-symbol", ""),
        ("- signature: `pkg.mod.gone(a)`", "missing-symbol", "pkg.mod.gone"),
        ("- signature: `pkg.mod.area(r, pi=3, *, unit: str='m') -> float`", "default", "pkg.mod.area"),
        ("- signature: `pkg.mod.area(r, tau=3.14, *, unit: str='m') -> float`", "signature", "pkg.mod.area"),
        ("- signature: `pkg.mod.area(r, pi=3.14, *, unit: str='m') -> int`", "signature", "pkg.mod.area"),
        ("- signature: `pkg.mod.area((((`", "signature", "pkg.mod.area"),
        ("- quantity: pkg/mod.py | lines | 6 lines", "contradicting-quantity", "pkg/mod.py | lines"),
        ("- quantity: pkg/mod.py | size | 9 kB", "contradicting-quantity", "pkg/mod.py | size"),
    ],
)
def test_false_statements_about_the_code_are_found(line: str, rule: str, subject: str) -> None:
    assert against_code(line) == [(rule, subject)]


def test_digests_are_held_against_the_files() -> None:
    right = measure(SOURCE["pkg/mod.py"]).digest
    assert against_code("", inputs={"pkg/mod.py": right}) == []
    assert against_code("", inputs={"pkg/mod.py": "sha256:00"}) == [("stale-digest", "pkg/mod.py")]
    assert against_code("", inputs={"pkg/gone.py": right}) == [("stale-digest", "pkg/gone.py")]


def test_any_of_several_definitions_may_be_meant() -> None:
    source = {"m.py": b"if x:\n    def f(a): ...\nelse:\n    def f(b=1): ...\n"}
    facts = {"m.py": file_facts("m.py", source["m.py"])}
    for text, expected in (("m.f(a)", []), ("m.f(b=1)", []), ("m.f(b=2)", ["default"]), ("m.f(c)", ["signature"])):
        document = doc("a.md", f"- signature: `{text}`")
        assert [finding.rule for finding in check_code(document, modules(source), {}, facts)] == expected


def test_a_name_of_absurd_length_is_a_missing_symbol() -> None:
    name = "a." * 50_000 + "b"
    assert against_code(f"- symbol: `{name}`") == [("missing-symbol", name)]


# signatures


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f", ([], "")),
        ("f()", ([], "")),
        ("f(a, /, b=(1, 2), *c, d={'x': ')'}) -> int", (["a", "/", "b=(1, 2)", "*c", "d={'x': ')'}"], " -> int")),
        ("f(a='\\'', b=1)", (["a='\\''", "b=1"], "")),
        ("f(a='", (["a='"], "")),
    ],
)
def test_parameters_are_split_outside_of_brackets_and_quotes(text: str, expected: object) -> None:
    assert parameters(text) == expected


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="fab=,'\"\\()[]{}:*/ ->", max_size=40), st.text(alphabet="f(a=1,'", max_size=20))
def test_hostile_signatures_are_only_text(one: str, other: str) -> None:
    assert rule_for(one, other) in ("default", "signature")
    assert "(" not in name_of(one)


# findings


def test_the_digest_tells_every_field_and_no_order() -> None:
    base = Finding("a.md", 1, "default", "s", "m")
    others = [Finding("b.md", 1, "default", "s", "m"), Finding("a.md", 2, "default", "s", "m")]
    assert len({digest([item]) for item in (base, *others)}) == 3
    assert len({digest(order) for order in itertools.permutations([base, *others])}) == 1
