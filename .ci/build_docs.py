"""The API reference: `python .ci/build_docs.py FOLDER` writes a static page a public module, from the docstrings.

In: perflab, as it can be imported. Out: HTML that needs no network; code 1 for a warning or a dead link.
"""

from __future__ import annotations

import pkgutil
import sys
import types
import typing
import warnings
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pdoc
import pdoc.doc
import pdoc.render

import perflab

LEFT_OUT = frozenset({"cli"})
"""Commands document themselves."""


def main(folder: Path) -> int:
    """Build the pages, print what is wrong with them, and return the exit code."""
    problems = [*build(folder), *dead_links(folder)]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(list(folder.glob('**/*.html')))} pages, {len(problems)} problems: {folder / 'index.html'}")
    return 1 if problems else 0


def public_modules() -> list[str]:
    """Return the names of the modules that say what users may import from them."""
    found = (module.name for module in pkgutil.iter_modules(perflab.__path__))
    named = (f"perflab.{name}" for name in found if not name.startswith("_") and name not in LEFT_OUT)
    return ["perflab", *(name for name in named if hasattr(import_module(name), "__all__"))]


def build(folder: Path) -> list[str]:
    """Write the pages and return the warnings."""
    for name in public_modules():
        _make_visible(import_module(name))
    pd.Series.__class_getitem__ = classmethod(types.GenericAlias)  # only its stubs are generic, as annotations say
    pdoc.doc.Class.own_members = property(_own_members)
    pdoc.doc.Class.inherited_members = property(_inherited_members)
    pdoc.render.configure(docformat="numpy", show_source=False, search=True, footer_text="perflab")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        pdoc.pdoc(*public_modules(), output_directory=folder)
    return [f"warning: {warning.message}" for warning in seen]


def _make_visible(module: types.ModuleType) -> None:
    """Load names that a module loads when they are asked for, and types that named tuples have as text."""
    for name in module.__all__:
        value = getattr(module, name)
        setattr(module, name, value)
        if isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields"):
            value.__new__.__annotations__ = typing.get_type_hints(value)


def _own_members(self: pdoc.doc.Class) -> list[pdoc.doc.Doc]:
    """Members of perflab's own bases too: these are on no page, being nothing that users import."""
    return [member for origin, members in self._members_by_origin.items() if _is_ours(origin) for member in members]


def _inherited_members(self: pdoc.doc.Class) -> dict[tuple[str, str], list[pdoc.doc.Doc]]:
    return {origin: members for origin, members in self._members_by_origin.items() if not _is_ours(origin)}


def _is_ours(origin: tuple[str, str]) -> bool:
    return origin[0].partition(".")[0] == "perflab"


class Page(HTMLParser):
    """The links of a page, and the places in it that others can link to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a link, a place, or what a browser would fetch by itself."""
        known = {name: value for name, value in attrs if value}
        self.places.update(known[name] for name in ("id", "name") if name in known)
        if tag == "a" and "href" in known:
            self.links.append(known["href"])
        if tag in ("script", "img", "link", "iframe"):
            self.fetched += [known[name] for name in ("src", "href") if name in known]


def dead_links(folder: Path) -> list[str]:
    """Return each link to a page or place that there is not, and each thing that would be fetched from elsewhere."""
    pages = {path.resolve(): Page(path.read_text("utf-8")) for path in folder.glob("**/*.html")}
    problems = []
    for path, page in pages.items():
        name = path.relative_to(folder.resolve())
        problems += [f"{name} links to nothing: {link}" for link in page.links if not _leads(path, link, pages)]
        problems += [f"{name} fetches {link}" for link in page.fetched if urlsplit(link).scheme in ("http", "https")]
    return problems


def _leads(path: Path, link: str, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True  # of the web; it is not asked
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target not in pages:
        return target.exists() and not parts.fragment
    return not parts.fragment or unquote(parts.fragment) in pages[target].places


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
