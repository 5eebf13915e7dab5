"""What one source file says about itself.

In: a relative path and the file's bytes. Out: `FileFacts`, plain data that travels through caches and processes.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePosixPath

from perflab.workloads import outline, syntax
from perflab.workloads.corpus import read_source
from perflab.workloads.discover import LANGUAGES, SourceFile
from perflab.workloads.factsheet import FileFacts, Symbol

__all__ = ["digest", "facts_text", "file_facts", "full_name", "module_of", "packed", "sizes"]


def file_facts(path: str, data: bytes) -> FileFacts:
    """Return the facts of one file; the same path and bytes always give the same facts.

    Parameters
    ----------
    path
        Relative posix path; its suffix decides the language, its parts the module's name.
    data
        The file's content. A content that cannot be parsed gives facts with `error` set.

    Examples
    --------
    >>> facts = file_facts("shapes/circle.py", b"def area(r, pi=3.14):\\n    return pi * r * r\\n")
    >>> facts["symbols"][0]["signature"], facts["lines"]
    ('shapes.circle.area(r, pi=3.14)', 2)
    """
    facts = sizes(path, data)
    return syntax.fill(facts, data) if facts["language"] == "python" else outline.fill(facts, data)


def sizes(path: str, data: bytes) -> FileFacts:
    """Return the facts of one file that need no parsing.

    Examples
    --------
    >>> facts = sizes("shapes/circle.py", b"x = 1\\n")
    >>> facts["module"], facts["nbytes"], facts["symbols"]
    ('shapes.circle', 6, [])
    """
    return FileFacts(
        path=path,
        language=LANGUAGES.get(PurePosixPath(path).suffix.lower(), "text"),
        module=module_of(path),
        digest=digest(data),
        nbytes=len(data),
        lines=len(data.splitlines()),
        doc="",
        symbols=[],
        imports=[],
        uses=[],
        constants=[],
        error=None,
    )


def facts_text(file: SourceFile) -> bytes:
    """Return the facts of one file, packed."""
    return packed(file_facts(file.path, read_source(file)))


def packed(value: object) -> bytes:
    """Return plain data as JSON: it is half the size of the objects, in caches and between processes.

    Examples
    --------
    >>> packed({"lines": [1, 2]})
    b'{"lines":[1,2]}'
    """
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def digest(data: bytes) -> str:
    """Return the digest that front matters carry.

    Examples
    --------
    >>> digest(b"")[:14]
    'sha256:e3b0c44'
    """
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def module_of(path: str) -> str:
    """Return the dotted name of a file within its tree.

    Examples
    --------
    >>> module_of("json/decoder.py"), module_of("json/__init__.py"), module_of("README.md")
    ('json.decoder', 'json', 'README')
    """
    parts = PurePosixPath(path).with_suffix("").parts
    if len(parts) > 1 and parts[-1] in ("__init__", "index"):
        parts = parts[:-1]
    return ".".join(parts)


def full_name(facts: FileFacts, symbol: Symbol) -> str:
    """Return a symbol's name with its module's, as documents write it."""
    return f"{facts['module']}.{symbol['name']}"
