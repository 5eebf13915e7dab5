"""Chunks: files cut along the borders of their definitions, and what is computed from each of them.

In: bytes or paths. Out: `Chunk`s, manifests of files, results a chunk that are computed only where a file changed.
"""

from __future__ import annotations

from perflab.chunk.chunk import Chunk
from perflab.chunk.cluster import to_dask
from perflab.chunk.edits.layout import Layout, lay_out
from perflab.chunk.edits.manifest import Manifest, compare, take_manifest
from perflab.chunk.languages.grammar import language_of
from perflab.chunk.operations.facts import analysis_of, duplicates, index_of
from perflab.chunk.operations.operations import OPERATIONS, transform
from perflab.chunk.processing.process import process_file
from perflab.chunk.processing.result import ChunkResult, FileResult
from perflab.chunk.processing.work import ChunkWork
from perflab.chunk.reading.stream import chunks, confined, stream
from perflab.chunk.references import References
from perflab.chunk.splitting.split import Splitter, Window, split
from perflab.chunk.text.places import Places, Position

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
