"""Traces: who wanted which key, in which order; recorded here or brought along.

In: rows of the accesses frame, or files of other programs. Out: `Trace`, dense arrays that every what-if is computed
from.
"""

from __future__ import annotations

from perflab.trace.read import FORMATS, read_file
from perflab.trace.recorded import sizes_by_row, trace_of
from perflab.trace.trace import UNKNOWN_BYTES, Setting, Trace, WrongLines

__all__ = ["FORMATS", "UNKNOWN_BYTES", "Setting", "Trace", "WrongLines", "read_file", "sizes_by_row", "trace_of"]
