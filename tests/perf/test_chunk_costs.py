"""What cutting costs beside a bare parse and beside other chunkers: run with `make perf`, with the peers `make peers`.

Each line is a ratio of interleaved pairs beside its bound, or a share, or a size. Nothing here asserts a time.
"""

from __future__ import annotations

import ast
import functools
import itertools
import subprocess
import sys
import sysconfig
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typescript_sources import typescript_sources

from perflab.bench import Arm, run
from perflab.chunk import Splitter, lay_out, split
from perflab.chunk.languages.grammar import definition_of, grammar_of
from perflab.chunk.languages.parsing import parse

Say = Callable[[str], None]
FOLDER = Path(sysconfig.get_path("stdlib"))
MAX_BYTES = 2000
LANGUAGES = ("python", "typescript")
PEERS = ("chonkie", "llama-index", "astchunk", "semantic-text-splitter")


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def show(text: str) -> None:
        with capsys.disabled():
            print(text)

    return show


def paths(language: str) -> list[Path]:
    if language == "python":
        found = (path for path in FOLDER.rglob("*.py") if "site-packages" not in path.parts)
        return sorted(path for path in found if is_utf8(path))
    return sorted(typescript_sources().rglob("*.ts"))


def is_utf8(path: Path) -> bool:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return True


@functools.cache
def corpus(language: str, most_bytes: int) -> dict[str, bytes]:
    """Return files of at most `most_bytes`; of the many ones of Python, each seventh."""
    files = paths(language)[:: 7 if language == "python" else 1]
    return {str(path): path.read_bytes() for path in files if path.stat().st_size <= most_bytes}


@functools.cache
def texts(language: str, most_bytes: int) -> list[str]:
    return [data.decode() for data in corpus(language, most_bytes).values()]


def parsing(language: str, most_bytes: int) -> None:
    import tree_sitter

    parser = tree_sitter.Parser(grammar_of(language).load())
    for data in corpus(language, most_bytes).values():
        parser.parse(data)


def chunking(language: str, most_bytes: int) -> None:
    for path, data in corpus(language, most_bytes).items():
        split(data, path=path, language=language, max_bytes=MAX_BYTES)


@functools.cache
def peer(name: str, language: str) -> Callable[[str], Any]:
    """Return what cuts a text with another chunker; the peer is loaded where it is used."""
    if name == "chonkie":
        from chonkie import CodeChunker

        chunker = CodeChunker(tokenizer="character", language=language, chunk_size=MAX_BYTES)
        return lambda text: chunker.chunk(text)
    if name == "llama-index":
        from llama_index.core.node_parser import CodeSplitter

        splitter = CodeSplitter(language=language, chunk_lines=10**6, chunk_lines_overlap=1, max_chars=MAX_BYTES)
        return lambda text: splitter.split_text(text)
    if name == "astchunk":
        from astchunk import ASTChunkBuilder

        builder = ASTChunkBuilder(max_chunk_size=MAX_BYTES, language=language, metadata_template="none")
        return lambda text: builder.chunkify(text)
    import tree_sitter_python
    import tree_sitter_typescript
    from semantic_text_splitter import CodeSplitter as RustSplitter

    pointers = {"python": tree_sitter_python.language, "typescript": tree_sitter_typescript.language_typescript}
    rust = RustSplitter(pointers[language](), MAX_BYTES)
    return lambda text: rust.chunks(text)


def peer_chunking(name: str, language: str, most_bytes: int) -> None:
    cut = peer(name, language)
    for text in texts(language, most_bytes):
        cut(text)


def compare(say: Say, title: str, baseline: Callable[[], object], other: Callable[[], object], bound: str) -> None:
    baseline(), other()
    arms = (
        Arm("baseline", baseline, clock="cpu", inputs="baseline"),
        Arm("optimized", other, clock="cpu", inputs="other"),
    )
    found = run(title, arms, isolated=False, pairs=8).comparisons[0].comparison
    interval = f"{found.ratio:.3f} [{found.low:.3f}, {found.high:.3f}]"
    noise = max(found.baseline_noise, found.noise)
    say(f"\n{title}: {interval}, bound {bound}, noise floor {noise:.1%}, {found.pairs} pairs")


@pytest.mark.parametrize("language", LANGUAGES)
def test_beside_a_bare_parse(language: str, say: Say) -> None:
    both = [partial(function, language, 10**9) for function in (parsing, chunking)]
    compare(say, f"CPU time, chunks of {language} sources / their bare tree-sitter parse", *both, "1.18")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PEERS)
def test_beside_a_peer(name: str, language: str, say: Say) -> None:
    module = {"llama-index": "llama_index.core"}.get(name, name.replace("-", "_"))
    pytest.importorskip(module, reason=f"{name} is not installed; it is in the extra `peers`")
    most_bytes = 60_000 if name == "semantic-text-splitter" else 10**9  # it is quadratic in a file's size
    try:
        peer(name, language)("x = 1\n")
    except Exception as error:  # whatever a peer raises, its line is left out and says why
        pytest.skip(f"{name} cannot cut {language} here: {error}")
    both = [partial(peer_chunking, name, language, most_bytes), partial(chunking, language, most_bytes)]
    compare(say, f"CPU time, chunks of {language} sources / those of {name}", *both, "1")


def python_definitions(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the extents of definitions, decorators included, as Python's own parser sees them."""
    lines = list(itertools.accumulate(map(len, data.splitlines(keepends=True)), initial=0))
    with warnings.catch_warnings(action="ignore"):
        tree = ast.parse(data)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield lines[first - 1], lines[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)


def parsed_definitions(data: bytes, language: str) -> Iterator[tuple[int, int]]:
    """Yield the extents of definitions as the grammar's parser sees them."""
    grammar = grammar_of(language)
    tree = parse(data, grammar.load())
    waiting = [] if tree is None else [tree.root_node]
    while waiting:
        node = waiting.pop()
        if node.type in grammar.candidates and definition_of(node, grammar) is not None:
            yield node.start_byte, node.end_byte
        waiting += node.named_children


@pytest.mark.parametrize("language", LANGUAGES)
def test_definitions_stay_whole(language: str, say: Say) -> None:
    whole = fitting = starts = cut = 0
    for path, data in corpus(language, 10**9).items():
        chunks = split(data, path=path, language=language, max_bytes=MAX_BYTES)
        assert b"".join(chunk.data for chunk in chunks) == data
        try:
            found = list(python_definitions(data) if language == "python" else parsed_definitions(data, language))
        except (SyntaxError, ValueError):
            continue  # the standard library's tests hold broken modules
        stops = [chunk.stop for chunk in chunks]
        sized = [(start, stop) for start, stop in found if stop - start <= MAX_BYTES]
        fitting += len(sized)
        whole += sum(stops[bisect_right(stops, start)] >= stop for start, stop in sized)
        cut += len(chunks)
        starts += sum(chunk.kind not in ("statements", "text") for chunk in chunks)
    say(
        f"\n{language}: definitions of at most {MAX_BYTES} bytes kept whole {whole / fitting:.4f} of {fitting}, "
        f"bound .995; chunks that start at a definition {starts / cut:.3f} of {cut}, bound .80 (python)"
    )


EDITED_BYTES = 10_000_000


@functools.cache
def edit() -> tuple[bytes, bytes, Splitter]:
    """Return ten megabytes of Python, the same with one function edited, and what cuts them."""
    whole = b"\n\n".join(path.read_bytes() for path in paths("python"))[:EDITED_BYTES]
    at = whole.index(b"\ndef ", EDITED_BYTES // 2)
    body = whole.index(b":\n", at) + 2
    splitter = Splitter("a.py", None, max_bytes=MAX_BYTES, window_bytes=524_288, timeout_s=5.0, note=None)
    return whole, whole[:body] + b"    edited = True\n" + whole[body:], splitter


@functools.cache
def layout() -> Any:
    before, _, splitter = edit()
    return lay_out(before, splitter)


def cutting_again() -> None:
    _, after, splitter = edit()
    lay_out(after, splitter)


def cutting_the_edit() -> None:
    layout().after(edit()[1])


def test_an_edit_of_ten_megabytes(say: Say) -> None:
    title = "CPU time, chunks after one function of 10 MB was edited / chunks of all of it"
    compare(say, title, cutting_again, cutting_the_edit, "0.05")
    before = {piece.digest for piece in layout().pieces}
    after = [piece.digest for piece in layout().after(edit()[1]).pieces]
    reused = sum(digest in before for digest in after) / len(after)
    say(f"chunks reused {reused:.4%} of {len(after)}, bound 99.8%")


GROWN = """
import sys
from pathlib import Path
from perflab.chunk import chunks, split
split(b"function f() {}\\n" * 9, path="a.js"), split(b"x" * 9000, path="a.txt")
def status(name):
    return int(next(line for line in open("/proc/self/status") if line.startswith(name)).split()[1]) * 1024
path, nbytes = Path(sys.argv[1]), 0
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
for chunk in chunks(path):
    nbytes += len(chunk)
assert nbytes == path.stat().st_size
print(status("VmHWM") - before)
"""


def grown_bytes(path: Path) -> int:
    done = subprocess.run([sys.executable, "-c", GROWN, str(path)], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_memory(tmp_path: Path, say: Say) -> None:
    line = tmp_path / "line.txt"
    line.write_bytes(b"lorem ipsum 1234, " * (100_000_000 // 18))
    minified = tmp_path / "line.js"
    minified.write_bytes(b"x=[" + b"'some text',1234," * (100_000_000 // 17) + b"]")
    grown = {path.name: f"{grown_bytes(path) / 1e6:.0f} MB" for path in (line, minified)}
    say(f"\nmemory over that at the start: one line of 100 MB {grown}, bound 100 MB")
    say(f"9 MB of JavaScript {grown_bytes(typescript_sources() / 'typescript.js') / 1e6:.0f} MB, bound 64 MB")


def cutting_bytes(nbytes: int) -> None:
    whole, _, splitter = edit()
    lay_out(whole[:nbytes], splitter)


def test_growth(say: Say) -> None:
    half = EDITED_BYTES // 2
    both = partial(cutting_bytes, half), partial(cutting_bytes, EDITED_BYTES)
    compare(say, "CPU time, chunks of 10 MB / of 5 MB", *both, "2.2")
