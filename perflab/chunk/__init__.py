"""Chunks: files cut along the borders of their definitions, and what is computed from each of them.

In: bytes or paths. Out: `Chunk`s, manifests of files, results a chunk that are computed only where a file changed.
"""

from __future__ import annotations

from perflab.chunk.chunk import Chunk
from perflab.chunk.grammar import language_of
from perflab.chunk.layout import Layout, lay_out
from perflab.chunk.manifest import Manifest, compare, take_manifest
from perflab.chunk.operations import OPERATIONS
from perflab.chunk.places import Places, Position
from perflab.chunk.process import FileResult, process_file
from perflab.chunk.references import References
from perflab.chunk.split import Splitter, Window, split
from perflab.chunk.stream import chunks, confined

__all__ = [
    "OPERATIONS",
    "Chunk",
    "FileResult",
    "Layout",
    "Manifest",
    "Places",
    "Position",
    "References",
    "Splitter",
    "Window",
    "chunks",
    "compare",
    "confined",
    "language_of",
    "lay_out",
    "process_file",
    "split",
    "take_manifest",
]
