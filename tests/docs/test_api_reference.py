"""The API reference builds without a warning and without a dead link, and the check would see one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import perflab

BUILD = Path(__file__).parents[2] / ".ci" / "build_docs.py"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages; building them in a process of its own leaves this one's modules alone."""
    pytest.importorskip("pdoc")
    folder = tmp_path_factory.mktemp("docs")
    done = subprocess.run([sys.executable, BUILD, folder], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 problems" in done.stdout
    return folder


def test_every_public_name_is_documented_and_nothing_private_has_a_page(pages: Path) -> None:
    text = (pages / "perflab.html").read_text("utf-8")
    assert all(f'id="{name}"' in text for name in perflab.__all__)
    assert 'id="PerformanceSystem.optimize"' in text
    names = {path.stem for path in (pages / "perflab").glob("*.html")}
    assert {"cache", "analyze", "system", "errors"} <= names
    assert not [name for name in names if name.startswith("_")]


def test_methods_that_come_from_private_bases_are_on_the_page_of_the_class(pages: Path) -> None:
    assert 'id="MemoryCache.set"' in (pages / "perflab" / "cache.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ('<a href="gone.html">x</a>', "links to nothing: gone.html"),
        ('<a href="perflab/cache.html#Nothing">x</a>', "links to nothing: perflab/cache.html#Nothing"),
        ('<script src="https://example.org/a.js"></script>', "fetches https://example.org/a.js"),
    ],
)
def test_a_dead_link_and_a_page_that_fetches_are_found(
    pages: Path, monkeypatch: pytest.MonkeyPatch, added: str, message: str
) -> None:
    monkeypatch.syspath_prepend(str(BUILD.parent))
    from build_docs import dead_links

    extra = pages / "extra.html"
    extra.write_text(added)
    try:
        assert dead_links(pages) == [f"extra.html {message}"]
    finally:
        extra.unlink()
