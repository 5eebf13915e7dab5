"""The package's source holds no way to run what it reads, but for the places below, each with its reason."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import perflab

PACKAGE = Path(perflab.__file__).parent

ALLOWED = {
    ("cache/codec/signed.py", "pickle.loads"): "only behind an HMAC of a key that the user keeps outside of the cache",
    ("parallel/worker.py", "pickle.loads"): "from the parent process, over a socket pair without a name",
    ("parallel/processes.py", "pickle.loads"): "from this process's own worker, over the same socket pair",
    ("bench/job.py", "pickle.load"): "the job from the parent process, in a file without a name",
    ("bench/cell.py", "pickle.loads"): "the namespace of the user's own cell, as part of that job",
    ("bench/cell.py", "exec"): "runs the code that the user gave as a cell",
    ("bench/cell.py", "eval"): "the value of that cell's last line",
    ("bench/cell.py", "compile"): "as above",
    ("system/detached.py", "pickle.load"): "the job from the parent process, in a file without a name",
    ("parallel/task.py", "pickle.loads"): "the bytes that the line itself made of an exception",
    ("cache/functions/bindings.py", "eval"): "an expression of quoted names alone",
    ("magics.py", "exec"): "runs the cell that the user wrote",
    ("magics.py", "eval"): "the value of that cell's last line",
    ("magics.py", "compile"): "as above",
    ("bench/command.py", "/bin/sh"): "runs the command line that the user gave to be measured",
}
"""File and what is called there, and why data from outside cannot reach it."""

DANGEROUS = {"eval", "exec", "compile", "__import__", "execfile"}
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml"}
LOADING = {"load", "loads", "Unpickler", "open", "Shelf", "DbfilenameShelf", "unsafe_load", "full_load"}
READERS = {"read_pickle", "to_pickle", "literal_eval_unsafe", "system", "popen", "getoutput", "getstatusoutput"}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def suspicious(name: str, call: ast.Call) -> str | None:
    """Return what a call is, if data could become code by it."""
    owner, _, last = name.rpartition(".")
    if not owner and last in DANGEROUS:
        return last
    if owner in MODULES and last in LOADING:
        return name
    if last in READERS and owner in ("os", "subprocess", "pd", "pandas", "") and not (last == "system" and not owner):
        return name
    for keyword in call.keywords:
        if keyword.arg in ("shell", "allow_pickle", "allow_unsafe") and ast.unparse(keyword.value) != "False":
            return f"{name}({keyword.arg}={ast.unparse(keyword.value)})"
    if (owner, last) in (("np", "load"), ("numpy", "load"), ("torch", "load")):
        return name
    return None


def found() -> set[tuple[str, str]]:
    places = set()
    for file in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        where = str(file.relative_to(PACKAGE))
        places |= {(where, what) for name, call in calls(tree) if (what := suspicious(name, call))}
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module in MODULES
            for alias in node.names
        }
        places |= {(where, f"from import {name}") for name in imported}
        if '"/bin/sh"' in file.read_text("utf-8"):
            places.add((where, "/bin/sh"))
    return places


def test_nothing_runs_what_it_reads_but_what_is_listed() -> None:
    assert found() == set(ALLOWED)


def test_each_exception_is_in_the_threat_model() -> None:
    text = (PACKAGE.parent / "SECURITY.md").read_text("utf-8")
    assert not [file for file, _ in ALLOWED if f"perflab/{file}" not in text]


def test_a_module_is_only_imported_by_a_name_of_the_packages_own_or_the_users() -> None:
    users = {"bench/arm.py", "bench/sample.py", "parallel/task.py"}  # module:function, given by the user
    own = {"__init__.py", "widgets/__init__.py", "bench/__init__.py", "host/monitor.py", "chunk/languages/syntax.py"}
    places = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if re.search(r"\bimport_module\(", file.read_text("utf-8"))
    }
    assert places == users | own
