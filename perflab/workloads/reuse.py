"""Facts, summaries and documents that are made once and found again while their inputs and this code stay the same.

In: a corpus, a cache and workers. Out: facts of files, one feature's summary, documents as text.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple

from perflab.errors import SourceError
from perflab.parallel import Workers
from perflab.record import NULL_RECORDER, Recorder
from perflab.workloads.analysis import Analysis, Cache
from perflab.workloads.corpus import Corpus, read_source
from perflab.workloads.facts import digest, packed
from perflab.workloads.factsheet import FileFacts
from perflab.workloads.layout import Layout, used_files
from perflab.workloads.render import code_digest, render
from perflab.workloads.rules import Examined, examine
from perflab.workloads.summary import Summary, summarise

__all__ = ["Made", "Reuse"]


class Made(NamedTuple):
    """One document: its text, what the rules found in it, and whether it came from the cache."""

    text: str
    examined: Examined
    reused: bool


class Reuse:
    """One creation's view of the cache. Its methods may be called by several threads at once.

    The files are read once, for their digests, when it is made.
    """

    def __init__(
        self, corpus: Corpus, layout: Layout, cache: Cache, workers: Workers, recorder: Recorder = NULL_RECORDER
    ) -> None:
        self._cache = cache
        self._analysis = Analysis(cache, workers, recorder)
        self._layout = layout
        self._layout_digest = layout.digest()
        self._files = {file.path: file for file in corpus.files}
        self._digests = {file.path: digest(read_source(file)) for file in corpus.files}
        self._lock = threading.Lock()
        self._underway: dict[str, Future[bytes]] = {}
        self._asked: set[str] = set()

    @property
    def work(self) -> dict[str, int]:
        """Counts of files that were analysed, of those whose facts were needed and known, and of their chunks."""
        return {
            "facts_computed": len(self._underway),
            "facts_reused": len(self._asked) - len(self._underway),
            "chunks_processed": self._analysis.chunks_processed,
            "chunks_reused": self._analysis.chunks_reused,
        }

    def facts(self, paths: Iterable[str]) -> list[FileFacts]:
        """Return the facts of some files, from the cache or else from the workers."""
        found = {path: self._cache.get(self._facts_key(path)) for path in paths}
        missing = [path for path, text in found.items() if text is None]
        mine, others = self._claim(found, missing)
        found.update(self._analyse(mine))
        found.update((path, future.result()) for path, future in others.items())
        return [json.loads(text) for text in found.values()]

    def used(self, feature: str, own: Callable[[], list[FileFacts]]) -> tuple[str, ...]:
        """Return the files that a feature uses; `own` gives its facts if that is not known."""
        key = ("used", code_digest(), self._layout_digest, feature, self._state(self._layout.features[feature]))
        return tuple(self._kept(key, lambda: list(used_files(self._layout, own()))))

    def summary(self, feature: str, own: Callable[[], list[FileFacts]]) -> Summary:
        """Return a feature's summary; `own` gives its facts if it is not known."""
        key = ("summary", code_digest(), feature, self._state(self._layout.features[feature]))
        summary: Summary = self._kept(key, lambda: summarise(feature, own()))
        return summary

    def document(self, path: str, inputs: Iterable[str], content: Callable[[], Mapping[str, object]]) -> Made:
        """Return a document that was made from `inputs`; `content` gives its data if it must be rendered."""
        return self._document(path, self._state(inputs), content)

    def index(self, documents: list[Examined], content: Callable[[], Mapping[str, object]]) -> Made:
        """Return the index over some documents; it depends on nothing but them and the layout."""
        return self._document("index.md", _digest_of([[item["path"], item["digest"]] for item in documents]), content)

    def is_made(self, path: str, inputs: Iterable[str]) -> bool:
        """Tell whether a document needs no rendering."""
        return self._cache.get(self._document_key(path, self._state(inputs))) is not None

    def _document(self, path: str, state: str, content: Callable[[], Mapping[str, object]]) -> Made:
        key = self._document_key(path, state)
        cached = self._cache.get(key)
        if cached is not None:
            text, examined = json.loads(cached)
            return Made(text, examined, reused=True)
        text = render(content())
        made = Made(text, examine(text, path), reused=False)
        self._cache.set(key, packed(made[:2]))
        return made

    def _document_key(self, path: str, state: str) -> Hashable:
        return ("document", code_digest(), self._layout_digest, path, state)

    def _facts_key(self, path: str) -> Hashable:
        return ("facts", code_digest(), path, self._digests[path])

    def _state(self, paths: Iterable[str]) -> str:
        """Return a digest of the content of some files."""
        return _digest_of([[path, self._digests[path]] for path in paths])

    def _kept(self, key: Hashable, make: Callable[[], Any]) -> Any:
        cached = self._cache.get(key)
        if cached is not None:
            return json.loads(cached)
        value = make()
        self._cache.set(key, packed(value))
        return value

    def _claim(self, asked: Iterable[str], missing: list[str]) -> tuple[list[str], dict[str, Future[bytes]]]:
        """Divide missing files into those that this caller analyses and those that another one does already."""
        with self._lock:
            self._asked.update(asked)
            others = {path: self._underway[path] for path in missing if path in self._underway}
            mine = [path for path in missing if path not in others]
            self._underway.update((path, Future()) for path in mine)
        return mine, others

    def _analyse(self, paths: list[str]) -> dict[str, bytes]:
        """Return the facts of files that nobody else analyses, and answer everybody who waits for them."""
        texts: dict[str, bytes] = {}
        try:
            for path, text in self._analysis.texts(self._files[path] for path in paths):
                self._refuse_changed(path, text)
                self._cache.set(self._facts_key(path), text)
                texts[path] = text
                self._underway[path].set_result(text)
        except BaseException as error:
            for path in paths:
                if path not in texts:
                    self._underway[path].set_exception(error)
            raise
        return texts

    def _refuse_changed(self, path: str, text: bytes) -> None:
        # The facts name the digest of what was read. Unpacking those of a large file takes ten times their size.
        if packed(self._digests[path]) not in text:
            raise SourceError(f"{self._files[path].absolute} changed while it was read; create the documents again")


def _digest_of(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode("ascii")).hexdigest()
