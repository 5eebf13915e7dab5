"""Documents parse into what they say; what is no document is refused with one sentence."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.errors import SourceError
from perflab.workloads.document import carries_front_matter, parse

DESIGN = """---
id: DOC-JSON-DESIGN
kind: design
feature: json
depends: [DOC-JSON-REQUIREMENTS, DOC-STRUCTURE]
inputs:
  json/decoder.py: sha256:00ff
  "odd: \\"name\\".py": sha256:01
---
# json: design

## Components

### DES-JSON-001: `json.decoder`

Implements: [REQ-JSON-001], [REQ-JSON-2]
Depends on: [DES-RE-001]

- path: `json/decoder.py`
- signature: `json.decoder.scan(s, end='[REQ-JSON-009]')`
- quantity: json/decoder.py | size | 12.5 kB
- quantity: json.decoder.LIMIT | value | -1e-05

#### More

See [DOC-PRODUCT], not `[REQ-JSON-007]`.

```
### DES-JSON-002: in a fence
```

## Other

Mentions [DES-JSON-001].
"""


def test_front_matter_is_read() -> None:
    document = parse(DESIGN, "specs/json/design.md")
    assert (document.id, document.kind, document.feature) == ("DOC-JSON-DESIGN", "design", "json")
    assert document.depends == ("DOC-JSON-REQUIREMENTS", "DOC-STRUCTURE")
    assert document.inputs == {"json/decoder.py": "sha256:00ff", 'odd: "name".py': "sha256:01"}


def test_every_part_knows_its_line() -> None:
    document = parse(DESIGN)
    lines = DESIGN.split("\n")
    assert [item.identifier for item in document.definitions] == ["DES-JSON-001"]
    assert lines[document.definitions[0].line - 1].startswith("### DES-JSON-001")
    for quantity in document.quantities:
        assert quantity.subject in lines[quantity.line - 1]
    for code in document.code:
        assert code.text in lines[code.line - 1]
    for reference in document.references:
        assert f"[{reference.target}]" in lines[reference.line - 1]


def test_references_have_a_source_and_a_relation() -> None:
    found = [(r.source_identifier, r.relation, r.target) for r in parse(DESIGN).references]
    assert found == [
        ("DES-JSON-001", "implements", "REQ-JSON-001"),
        ("DES-JSON-001", "implements", "REQ-JSON-2"),
        ("DES-JSON-001", "depends on", "DES-RE-001"),
        ("DES-JSON-001", "mentions", "DOC-PRODUCT"),
        (None, "mentions", "DES-JSON-001"),
    ]


def test_quantities_have_value_and_unit() -> None:
    assert [(q.attribute, q.value, q.unit) for q in parse(DESIGN).quantities] == [
        ("size", 12.5, "kB"),
        ("value", -1e-05, ""),
    ]


def test_code_keeps_its_kind() -> None:
    assert [(c.kind, c.text) for c in parse(DESIGN).code] == [
        ("path", "json/decoder.py"),
        ("signature", "json.decoder.scan(s, end='[REQ-JSON-009]')"),
    ]


def test_a_heading_in_a_fence_is_text() -> None:
    assert [section.title for section in parse(DESIGN).sections] == [
        "json: design",
        "Components",
        "DES-JSON-001: `json.decoder`",
        "More",
        "Other",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "front matter"),
        ("# notes", "front matter"),
        ("---\nid: DOC-A\nkind: index\ndepends: []\n", "not closed"),
        ("---\nkind: index\ndepends: []\n---\n", "no 'id'"),
        ("---\nid: DOC-A\nkind: poem\ndepends: []\n---\n", "'poem'"),
        ("---\nid: DOC-A\nid: DOC-B\nkind: index\ndepends: []\n---\n", "each name once"),
        ("---\nid: DOC-A\nkind: index\ndepends: DOC-B\n---\n", "depends"),
        ("---\nid: DOC-A\nkind: index\ndepends: []\ninputs:\n  a.py\n---\n", "inputs"),
    ],
)
def test_what_is_no_document_is_refused(text: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        parse(text, "a.md")
    assert not carries_front_matter(text)


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet="#-` \n\r[]:|{}REQDES-A01\x00é", max_size=120))
def test_any_body_parses_and_no_line_is_lost(body: str) -> None:
    document = parse(f"---\nid: DOC-A\nkind: index\ndepends: []\n---\n{body}")
    lines = document.text.replace("\r\n", "\n").split("\n")[5:]
    headings = sum(section.level > 0 for section in document.sections)
    kept = sum(len(section.text.split("\n")) for section in document.sections if section.text or section.level == 0)
    assert headings + kept <= len(lines) + 1
    assert all(lines[section.line - 6].startswith("#") for section in document.sections if section.level)
    assert isinstance(document.references, tuple)
