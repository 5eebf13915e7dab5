"""Chunks: files cut along the borders of their definitions, and what is computed from each of them.

In: bytes or paths. Out: `Chunk`s, manifests of files, results a chunk that are computed only where a file changed.
"""

from __future__ import annotations

from perflab.chunk.chunk import Chunk
from perflab.chunk.cluster import to_dask
from perflab.chunk.facts import analysis_of, duplicates, index_of
from perflab.chunk.grammar import language_of
from perflab.chunk.layout import Layout, lay_out
from perflab.chunk.manifest import Manifest, compare, take_manifest
from perflab.chunk.operations import OPERATIONS, transform
from perflab.chunk.places import Places, Position
from perflab.chunk.process import ChunkWork, process_file
from perflab.chunk.references import References
from perflab.chunk.result import ChunkResult, FileResult
from perflab.chunk.split import Splitter, Window, split
from perflab.chunk.stream import chunks, confined, stream

__all__ = [
    "OPERATIONS",
    "Chunk",
    "ChunkResult",
    "ChunkWork",
    "FileResult",
    "Layout",
    "Manifest",
    "Places",
    "Position",
    "References",
    "Splitter",
    "Window",
    "analysis_of",
    "chunks",
    "compare",
    "confined",
    "duplicates",
    "index_of",
    "language_of",
    "lay_out",
    "process_file",
    "split",
    "stream",
    "take_manifest",
    "to_dask",
    "transform",
]
