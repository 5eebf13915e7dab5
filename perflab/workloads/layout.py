"""Where the files of a corpus stand: their features, and which file an import means.

In: a corpus, paths only. Out: a `Layout` that every document function shares.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import PurePosixPath

from perflab.workloads.corpus import Corpus
from perflab.workloads.facts import module_of
from perflab.workloads.factsheet import FileFacts

__all__ = ["Layout", "imported_files", "layout_of", "resolve", "used_files"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Features and modules of a tree, without anything that needs the files' contents.

    Attributes
    ----------
    name
        The tree's name.
    features
        Slug of a feature -> its paths, sorted.
    modules
        Name under which a file can be imported -> its path.
    skipped
        (path, reason) of what is not documented.
    """

    name: str
    features: dict[str, tuple[str, ...]]
    modules: dict[str, str]
    skipped: tuple[tuple[str, str], ...]

    def owners(self) -> dict[str, str]:
        """Return the feature of every path."""
        return {path: slug for slug, paths in self.features.items() for path in paths}

    def digest(self) -> str:
        """Return a digest of all of it; documents made from another layout are other documents."""
        text = json.dumps([self.name, self.features, self.modules, self.skipped])
        return hashlib.sha256(text.encode()).hexdigest()


def layout_of(corpus: Corpus) -> Layout:
    """Return the layout of a corpus."""
    features: dict[str, list[str]] = {}
    for file in corpus.files:
        features.setdefault(file.feature, []).append(file.path)
    return Layout(
        name=corpus.name,
        features={slug: tuple(sorted(features[slug])) for slug in sorted(features)},
        modules=_modules([file.path for file in corpus.files], corpus.package),
        skipped=tuple((item.path, item.reason) for item in corpus.skipped),
    )


def resolve(layout: Layout, name: str) -> tuple[str, str] | None:
    """Return the file that a dotted name leads to and the part of the name that lies in it, or None.

    Examples
    --------
    >>> layout = Layout("tree", {"json": ("json/decoder.py",)}, {"json.decoder": "json/decoder.py"}, ())
    >>> resolve(layout, "json.decoder.JSONDecoder.decode")
    ('json/decoder.py', 'JSONDecoder.decode')
    """
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = layout.modules.get(".".join(parts[:length]))
        if path is not None:
            return path, ".".join(parts[length:])
    return None


def imported_files(layout: Layout, facts: FileFacts) -> list[str]:
    """Return the files of the corpus that a file imports, without itself; sorted."""
    names = [imported["module"] for imported in facts["imports"]]
    names += [f"{imported['module']}.{name}" for imported in facts["imports"] for name in imported["names"]]
    found = {hit[0] for name in names if (hit := resolve(layout, name))}
    return sorted(found - {facts["path"]})


def used_files(layout: Layout, facts: list[FileFacts]) -> tuple[str, ...]:
    """Return the files of the corpus that some files import or use names of, themselves left out; sorted."""
    users = {item["path"] for item in facts}
    found: set[str] = set()
    for item in facts:
        for name in (*item["uses"], *(imported["module"] for imported in item["imports"])):
            hit = resolve(layout, name)
            if hit is not None:
                found.add(hit[0])
    return tuple(sorted(found - users))


def _modules(paths: list[str], package: str | None) -> dict[str, str]:
    """Name every file by its path, and also as its imports see it: from its source root, and from the package."""
    names = {module_of(path): path for path in reversed(paths)}
    packages = {str(PurePosixPath(path).parent) for path in paths if PurePosixPath(path).name == "__init__.py"}
    for path in paths:
        parts = PurePosixPath(path).parts
        start = 0
        while start < len(parts) - 1 and "/".join(parts[: start + 1]) not in packages:
            start += 1
        names.setdefault(module_of("/".join(parts[start:])), path)
        if package is not None:
            names.setdefault(module_of(f"{package}/{path}"), path)
    return names
